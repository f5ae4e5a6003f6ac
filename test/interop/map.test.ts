import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenImageFiles } from '../support/brokenImages.ts';
import { runQcow2 } from '../support/command.ts';
import { create, createEncrypted, follow, img, io, overlay, patch, raw, type Step } from '../support/imageRecipe.ts';
import { interopImages } from '../support/interopImages.ts';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';
import { shuffledImage } from '../support/shuffledImage.ts';
import { mapDifferences } from './differences.ts';

const formats = ['--output=json', '--output=human'] as const;

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ourAnswer(folder: string, args: readonly string[]): Promise<Answer> {
  const answer = await runQcow2(['map', ...args], folder);
  // "qcow2: Image is corrupt" is the driver's in QEMU too.
  const stderr = answer.stderr
    .replaceAll(/^qcow2: (?!Image is corrupt)/gm, 'qemu-img: ')
    .replace("Try 'qcow2 --help'", "Try 'qemu-img --help'")
    .trimEnd();
  return { ...answer, stderr };
}

/** QEMU leaves out the last line's end after some warnings. */
async function theirAnswer(folder: string, args: readonly string[]): Promise<Answer> {
  const answer = await runProgram('qemu-img', ['map', ...args], folder);
  return { ...answer, stderr: answer.stderr.trimEnd() };
}

async function assertSame(folder: string, args: readonly string[]): Promise<Answer> {
  const [ours, theirs] = await Promise.all([ourAnswer(folder, args), theirAnswer(folder, args)]);
  assert.deepEqual({ args, ...ours }, { args, ...theirs });
  return ours;
}

/** Both answers for each image, in both formats; those that differ. */
async function differing(
  images: readonly { name: string; path: string; folder: string; args: readonly string[] }[],
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const { name, path, folder, args } of images) {
    for (const format of formats) {
      const words = [format, ...args, path];
      const [ours, theirs] = await Promise.all([ourAnswer(folder, words), theirAnswer(folder, words)]);
      if (JSON.stringify(ours) !== JSON.stringify(theirs) && !mapDifferences.has(name)) {
        wrong.push({ name, format, ours, theirs });
      }
    }
  }
  return wrong;
}

describe('qcow2 map answers as qemu-img map, to the byte', function () {
  this.timeout(300_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-map-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  async function make(...steps: Step[]): Promise<void> {
    await follow({ name: 'map', steps }, folder);
  }

  it('on every image that qemu-img made', async () => {
    const images = await interopImages();
    assert(images.length >= 60);
    const chosen = sampled(images, 20, everything, 2);
    assert.deepEqual(
      await differing(chosen.map((image) => ({ ...image, args: [...image.options, ...image.mapOptions] }))),
      [],
    );
  });

  it('on broken images, with the same message and exit status', async () => {
    const images = (await brokenImageFiles()).map((image) => ({ ...image, args: ['-f', 'qcow2'] }));
    assert.deepEqual(await differing(images), []);
  });

  it('on more extents than are held at a time, and on top of them', async () => {
    const size = 6 * 2 ** 30;
    const { metadata, clusters } = shuffledImage(size, 7);
    await writeFile(join(folder, 'base.qcow2'), metadata);
    await truncate(join(folder, 'base.qcow2'), clusters * 65536);
    const { stdout } = await assertSame(folder, ['--output=json', 'base.qcow2']);
    assert(stdout.split('\n').length > 90_000);
    // Every second cluster of 2 MiB on top of it.
    const writes = Array.from({ length: 40 }, (_, index) => `write -P 1 ${index * 4}M 64k`);
    await make(
      overlay('top.qcow2', 'base.qcow2', 'qcow2', '7G', 'cluster_size=4k'),
      io('top.qcow2', ...writes, 'write -z 5G 1M', 'write -P 2 6800M 1M'),
    );
    await assertSame(folder, ['--output=json', 'top.qcow2']);
    await assertSame(folder, ['--output=human', 'top.qcow2']);
    await assertSame(folder, ['--output=json', '-s', '3G', '-l', '10M', 'top.qcow2']);
  });

  it('for a part of the disk, down to single bytes', async () => {
    await make(
      raw('odd.raw', 100_001, [0, 4096, 1], [98_304, 1_697, 2]),
      create('part.qcow2', '10M', 'cluster_size=4k'),
      io('part.qcow2', 'write -P 1 4k 8k', 'write -P 1 1M 64k', 'write -z 2M 4k'),
    );
    const parts = [
      ['-s', '1000', '-l', '9001'],
      ['-s', '5000', '-l', '1'],
      ['-s', '10M'],
      ['-s', '5', '-l', '0'],
      ['-l', '0'],
      ['--start-offset=4k', '--max-length=1.5M'],
      ['-s', '99990', '-l', '20'],
      ['-s', '100300'],
      ['-s', '0x10k'],
      ['-s', '8E'],
      ['-l', '9E'],
      ['-s', '-5'],
      ['-s', '1x'],
      ['-l', ''],
    ];
    for (const part of parts) {
      for (const format of formats) {
        await assertSame(folder, [format, ...part, 'part.qcow2']);
        await assertSame(folder, [format, ...part, '-f', 'raw', 'odd.raw']);
      }
    }
  });

  it('at the end of a disk of 1 EiB, byte by byte', async () => {
    await make(
      create('huge.qcow2', '1E', 'cluster_size=2M'),
      io('huge.qcow2', `write -P 1 ${2n ** 60n - 2n ** 22n} 2M`),
    );
    for (const start of [2n ** 60n - 2n ** 23n + 1n, 2n ** 60n - 2n ** 22n + 511n, 2n ** 60n - 3n, 2n ** 60n + 1n]) {
      for (const length of [1n, 1n << 21n, 12345n]) {
        await assertSame(folder, ['--output=json', '-s', `${start}`, '-l', `${length}`, 'huge.qcow2']);
        await assertSame(folder, ['--output=human', '-s', `${start}`, '-l', `${length}`, 'huge.qcow2']);
      }
    }
  });

  it('where a file of the chain is missing, broken, encrypted or no file', async () => {
    const named = (file: string, backing: string, format: string): Step =>
      img('create', '-q', '-f', 'qcow2', '-u', '-b', backing, '-F', format, file, '1M');
    await mkdir(join(folder, 'dir'));
    await make(
      named('on-missing.qcow2', 'missing.qcow2', 'qcow2'),
      named('on-on-missing.qcow2', 'on-missing.qcow2', 'qcow2'),
      named('on-dir.qcow2', 'dir', 'raw'),
      create('v4.qcow2', '1M'),
      patch('v4.qcow2', 4, '00000004'),
      named('on-v4.qcow2', 'v4.qcow2', 'qcow2'),
      raw('plain.raw', 65536),
      named('on-plain.qcow2', 'plain.raw', 'qcow2'),
      createEncrypted('luks.qcow2', '1M', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10'),
      named('on-luks.qcow2', 'luks.qcow2', 'qcow2'),
      create('data.qcow2', '1M', 'data_file=gone.data'),
      named('on-data.qcow2', 'data.qcow2', 'qcow2'),
    );
    await rm(join(folder, 'gone.data'));
    const names = ['missing', 'on-missing', 'dir', 'v4', 'plain', 'luks', 'data'];
    for (const name of names) {
      await assertSame(folder, ['--output=json', `on-${name}.qcow2`]);
    }
    for (const name of ['data.qcow2', 'luks.qcow2', join(folder, 'on-missing.qcow2')]) {
      await assertSame(folder, [name]);
    }
    // The image is then named by its options, the backing file by its path.
    for (const name of ['on-missing', 'on-on-missing', 'on-v4']) {
      await assertSame(folder, ['--image-opts', `driver=qcow2,file.filename=${name}.qcow2`]);
    }
  });

  it('when the command line is wrong', async () => {
    const wrong = [[], ['a', 'b'], ['--bogus', 'a'], ['--output=xml', 'a'], ['--output'], ['-f', 'foo', 'part.qcow2']];
    for (const args of wrong) {
      await assertSame(folder, args);
    }
  });
});
