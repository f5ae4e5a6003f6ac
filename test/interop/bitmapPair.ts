import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bitmap } from '../../src/cli/bitmap.ts';
import { Failure } from '../../src/cli/program.ts';
import { Clusters } from '../../src/engine/change/clusters.ts';
import { Draft } from '../../src/engine/change/draft.ts';
import { readBitmaps } from '../../src/engine/image/bitmapDirectory.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** How a command ended. */
interface Ended {
  readonly code: number;
  /** Without the program's name, and without the digits that QEMU draws. */
  readonly said: string;
}

/**
 * Two copies of an image, of which one is changed by `qcow2 bitmap` and the other by `qemu-img bitmap`. In arguments,
 * FILE stands for the image and OTHER for another one, which both read.
 */
export class BitmapPair {
  readonly #folder = mkdtempSync(join(tmpdir(), 'qcow2-bitmap-'));
  readonly ours: string = join(this.#folder, 'ours.qcow2');
  readonly theirs: string = join(this.#folder, 'theirs.qcow2');
  readonly other: string = join(this.#folder, 'other.qcow2');

  /** Makes both anew with qemu-img. `options` as for `-o`. */
  async create(options: string, size: string, ...more: readonly string[]): Promise<void> {
    const list = options ? ['-o', options] : [];
    await this.each(async (path) => {
      await qemuImg(['create', '-q', '-f', 'qcow2', ...list, ...more, path, size]);
    });
  }

  /** Runs a command of qemu-io on both. */
  async io(command: string): Promise<void> {
    await this.each(async (path) => {
      const { code, stdout } = await runProgram('qemu-io', ['-f', 'qcow2', '-c', command, path]);
      assert.ok(code === 0 && !stdout.includes('failed'), `${command}: ${stdout}`);
    });
  }

  /** Runs commands of qemu-io on the other image. */
  async ioOther(...commands: readonly string[]): Promise<void> {
    await runProgram('qemu-io', ['-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), this.other]);
  }

  /** Changes the bytes of both files. */
  patch(change: (file: Buffer) => void): void {
    for (const path of [this.ours, this.theirs]) {
      const bytes = readFileSync(path);
      change(bytes);
      writeFileSync(path, bytes);
    }
  }

  /** Runs `bitmap` on both, and expects the same words, exit status and image. Returns how it ended. */
  async same(...args: readonly string[]): Promise<Ended> {
    const [ours, theirs] = await this.both(...args);
    assert.deepEqual(ours, theirs, args.join(' '));
    await this.requireSame(args.join(' '));
    return ours;
  }

  /** Runs `bitmap` on both. */
  async both(...args: readonly string[]): Promise<readonly [ours: Ended, theirs: Ended]> {
    return [await runOurs(this.#named(args, this.ours)), await runQemu(this.#named(args, this.theirs))];
  }

  /** Asserts that both files are the same but for what is in no use. */
  async requireSame(name: string): Promise<void> {
    const [ours, theirs] = await Promise.all([used(this.ours), used(this.theirs)]);
    assert.equal(ours.length, theirs.length, `${name}: the files' lengths`);
    if (!ours.equals(theirs)) {
      assert.fail(`${name}: differ at byte ${ours.findIndex((byte, at) => byte !== theirs[at])}`);
    }
  }

  /** Asserts that both images are good and hold the same, wherever it lies. */
  async requireAlike(name: string): Promise<void> {
    const [ours, theirs] = await Promise.all(
      [this.ours, this.theirs].map(async (path) => [await answer('check', path), await answer('info', path)]),
    );
    assert.deepEqual(ours, theirs, name);
    const map = await Promise.all([this.ours, this.theirs].map((path) => qemuImg(['map', '--output=json', path])));
    assert.equal(map[0], map[1], `${name}: map`);
    await qemuImg(['compare', '-f', 'qcow2', '-F', 'qcow2', this.ours, this.theirs]);
  }

  async each(work: (path: string) => Promise<void>): Promise<void> {
    await Promise.all([work(this.ours), work(this.theirs)]);
  }

  /** Removes the files. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #named(args: readonly string[], path: string): string[] {
    return args.map((word) => (word === 'FILE' ? path : word === 'OTHER' ? this.other : word));
  }
}

/** What qemu-img says as JSON, without what tells of the file and not of the image. `check` must find nothing. */
async function answer(verb: 'check' | 'info', path: string): Promise<unknown> {
  const { code, stdout } = await runProgram('qemu-img', [verb, '--output=json', '-f', 'qcow2', path]);
  assert.equal(code, 0, `${verb}: ${stdout}`);
  const { filename: _, 'actual-size': __, ...told } = JSON.parse(stdout) as Record<string, unknown>;
  return told;
}

async function runOurs(args: readonly string[]): Promise<Ended> {
  const out = { text: () => undefined, write: () => undefined };
  try {
    return { code: await bitmap(args, out), said: '' };
  } catch (error) {
    if (error instanceof Failure) {
      // The name that messages begin with is that of the program.
      const said = `${error.message}\n${error.hint}`;
      return { code: error.exitCode, said: said.replace(/^qcow2: /m, 'qemu-img: ').replace(`'qcow2 `, `'qemu-img `) };
    }
    throw error;
  }
}

async function runQemu(args: readonly string[]): Promise<Ended> {
  const { code, stderr } = await runProgram('qemu-img', ['bitmap', ...args]);
  return {
    code,
    said: stderr
      .replace(/^qemu-img: /, '')
      .replaceAll(/#block\d+/g, '#block000')
      .replaceAll('theirs', 'ours'),
  };
}

/**
 * The bytes of an image that mean something: those of clusters with refcount 0, and those after the ends of the bitmap
 * directory and of bitmap tables, are blanked. QEMU gives the space of freed bitmap data back to the file system, and
 * marks the bitmaps of a directory that it is about to replace as in use; what was there stays in ours.
 */
async function used(path: string): Promise<Buffer> {
  const bytes = readFileSync(path);
  const storage = new MemoryStorage(bytes);
  const image = await openImage(storage);
  const { geometry, bitmapDirectory } = image;
  assert(geometry);
  const { clusterSize } = geometry;
  const blank = (from: number, to: number): void => {
    bytes.fill(0, Math.min(from, bytes.length), Math.min(to, bytes.length));
  };
  const clusters = await Clusters.of(image, new Draft(storage), noProgress);
  for (let cluster = 0; cluster < geometry.fileClusters; cluster++) {
    if (BigInt(await clusters.refcount(cluster)) === 0n) {
      blank(cluster * clusterSize, (cluster + 1) * clusterSize);
    }
  }
  const blankAfter = (end: number): void => blank(end, Math.ceil(end / clusterSize) * clusterSize);
  if (bitmapDirectory) {
    blankAfter(Number(bitmapDirectory.directoryOffset + bitmapDirectory.directorySize));
    for (const { fields } of await readBitmaps(storage, bitmapDirectory)) {
      blankAfter(Number(fields.bitmap_table_offset) + fields.bitmap_table_size * 8);
    }
  }
  return bytes;
}
