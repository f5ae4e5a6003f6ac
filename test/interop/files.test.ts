import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';

/** A file: its name, its bytes from an offset on, and its size where that is larger. */
type File = readonly [name: string, at: number, bytes: string, size: number];

const mebibyte = 1 << 20;
const files: readonly File[] = [
  ['a disk with a boot sector', 510, '\x55\xaa', mebibyte],
  ['a disk with a GUID partition table', 512, 'EFI PART', mebibyte],
  ['a CD', 32769, 'CD001', mebibyte],
  ['an ext4 file system', 1080, '\x53\xef', mebibyte],
  ['a gzip file', 0, '\x1f\x8b', 5000],
  ['a program', 0, '\x7fELF', 3000],
  ['nothing', 0, '', 0],
  ['one byte', 0, 'x', 1],
  ['an end within a sector', 4096, 'y', 4097],
  ['half a magic', 0, 'QFI\xfb', 6],
  ['version 0', 0, 'QFI\xfb\0\0\0\0', 4096],
  ['version 4', 0, 'QFI\xfb\0\0\0\x04', mebibyte],
  ['LUKS of version 0', 0, 'LUKS\xba\xbe\0\0', 4096],
  ['Parallels of version 0', 0, 'WithoutFreeSpace\0\0\0\0', 4096],
  ['data and holes', 3 * 65536, 'data', 100 * 65536 + 77],
  ['a "name" \\ with\nä\x01', 0, 'x', 4096],
];

/** Ways to ask about a file. */
const questions: readonly (readonly string[])[] = [
  ['info'],
  ['info', '--output=json'],
  ['info', '--output=json', '--backing-chain'],
  ['info', '-f', 'raw'],
  ['info', '-f', 'qcow2'],
  ['map'],
  ['map', '--output=json'],
  ['map', '-f', 'raw', '--output=json'],
  ['map', '-f', 'qcow2'],
];

describe('files of any content, under the name qemu-img', function () {
  this.timeout(60_000);
  let folder = '';
  let program = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-files-'));
    program = join(folder, 'bin', 'qemu-img');
    await mkdir(join(folder, 'bin'));
    await mkdir(join(folder, 'folder'));
    await symlink(resolve('dist/cli.js'), program);
    for (const [name, at, bytes, size] of files) {
      const path = join(folder, name);
      await writeFile(path, bytes === '' ? '' : Buffer.concat([Buffer.alloc(at), Buffer.from(bytes, 'latin1')]));
      await truncate(path, size);
    }
    await writeFile(join(folder, 'a:b'), 'x');
    await writeFile(join(folder, 'image.dmg'), Buffer.alloc(4096));
    await writeFile(join(folder, 'image.vmdk'), 'KDMV'.padEnd(4096, '\0'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  async function assertSame(args: readonly string[]): Promise<void> {
    const [ours, theirs] = await Promise.all([
      runProgram(process.execPath, [program, ...args], folder),
      runProgram('qemu-img', args, folder),
    ]);
    assert.deepEqual({ args, ...ours }, { args, ...theirs });
  }

  for (const [index, [name]] of files.entries()) {
    it(`answers as qemu-img on ${JSON.stringify(name)}`, async () => {
      for (const question of sampled(questions, 2, everything, index)) {
        await assertSame([...question, name]);
      }
    });
  }

  it('answers as qemu-img on names that are no file, or are one in another way', async () => {
    const names = [
      '',
      'missing',
      'folder',
      'folder/',
      'nothing/',
      './nothing',
      'file:a CD',
      'file:a:b',
      'file:a:nothing',
      'file:file:a',
      'file:',
      'a:b',
      './a:b',
    ];
    for (const name of sampled(names, 4)) {
      await assertSame(['info', name]);
      await assertSame(['map', '--output=json', name]);
    }
  });

  it('answers as qemu-img with --image-opts', async () => {
    const texts = [
      'driver=raw,file.driver=file,file.filename=a CD',
      'file.filename=version 4',
      'driver=qcow2,file.filename=a CD',
      'driver=raw,file.filename=a:b',
      'driver=raw,driver=qcow2,file.filename=half a magic',
      'driver=raw,file.filename=file:a CD',
      'driver=raw,file.filename=a,,,file.driver=file',
      'driver=raw,file.filename=nothing here',
      'driver=nosuch,file.filename=a CD',
      'driver=raw,file.driver=nosuch,file.filename=a CD',
      'driver=raw,file.driver=file',
      'driver=raw',
      'driver=raw,file=a CD',
      'a CD',
    ];
    for (const text of sampled(texts, 4)) {
      await assertSame(['info', '--image-opts', text]);
      await assertSame(['map', '--output=json', '--image-opts', text]);
    }
    await assertSame(['info', '-f', 'raw', '--image-opts', 'driver=raw,file.filename=a CD']);
    await assertSame(['map', '-f', 'raw', '--image-opts', 'driver=raw,file.filename=a CD']);
  });

  it('does not take images of other formats for raw', async () => {
    for (const [name, format] of [
      ['image.dmg', 'dmg'],
      ['image.vmdk', 'vmdk'],
    ] as const) {
      const { code, stdout, stderr } = await runProgram(process.execPath, [program, 'info', name], folder);
      const message = `qemu-img: Could not open '${name}': format '${format}' is not supported yet\n`;
      assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: '', stderr: message });
    }
  });

  it('never follows a protocol', async () => {
    for (const protocol of ['nbd', 'json', 'http', 'fat', 'ssh']) {
      const name = `${protocol}:x`;
      const { code, stderr } = await runProgram(process.execPath, [program, 'map', name], folder);
      const reason = `'${protocol}:' is not supported: only files and block devices by their path`;
      assert.deepEqual([code, stderr], [1, `qemu-img: Could not open '${name}': ${reason}\n`]);
    }
  });
});
