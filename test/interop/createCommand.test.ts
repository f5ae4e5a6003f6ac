import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { difference } from './sameFile.ts';

const cli = resolve('dist/cli.js');

/** Command lines, each run in a folder of its own with `base.qcow2`, `base.raw` and a folder `sub` in it. */
const commands: readonly (readonly string[])[] = [
  ['-f', 'qcow2', 'a', '1M'],
  ['-q', '-f', 'qcow2', 'a', '1000'],
  ['a', '1000'],
  ['-f', 'raw', '-o', 'preallocation=full', 'a', '1000'],
  ['-f', 'qcow2', 'file:a', '1M'],
  ['-f', 'qcow2', 'file:a:b', '1M'],
  ['-f', 'qcow2', 'file:no such:folder/a', '1M'],
  ['-f', 'qcow2', 'file:', '1M'],
  ['-f', 'qcow2', 'a:b', '1M'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'file:a:b'],
  ['-f', 'qcow2', '-b', '../base.qcow2', '-F', 'qcow2', 'file:sub/a'],
  ['-f', 'qcow2', '-b', 'a:b', '-F', 'qcow2', 'a'],
  ['-f', 'qcow2', '-o', 'compat=0.10', 'a', '1.5G'],
  ['-f', 'qcow2', '-o', 'compat=0.9', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'compat=0.9,cluster_size=1000', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'cluster_size=1000', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'cluster_size=4M', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'cluster_size=abc', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'cluster_size=512', 'a', '1T'],
  ['-f', 'qcow2', '-o', 'refcount_bits=3', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'refcount_bits=128', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'refcount_bits=abc', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'refcount_bits=0x10', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'refcount_bits=8,compat=v2', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'lazy_refcounts=maybe', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'lazy_refcounts', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'nolazy_refcounts', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'lazy_refcounts=on,compat=v2', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'extended_l2=on', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'extended_l2=on,compat=v2', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'extended_l2=on,cluster_size=8k', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'compression_type=zstd', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'compression_type=zstd,compat=v2', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'compression_type=lzo', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'preallocation=foo', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'nosuch=1', 'a', '1M'],
  ['-f', 'qcow2', '-o', '', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'compat=v3', '-o', 'compat=v2', 'a', '1M'],
  ['-f', 'qcow2', '-o', 'size=5M', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'size=5M', 'a'],
  ['-f', 'qcow2', 'a'],
  ['-f', 'qcow2', 'a', '1X'],
  ['-f', 'qcow2', 'a', '8E'],
  ['-f', 'qcow2', '--', 'a', '-5'],
  ['-f', 'qcow2'],
  ['-f', 'foo', 'a', '1M'],
  ['-f', 'qcow2', 'no such folder/a', '1M'],
  ['-f', 'qcow2', 'sub', '1M'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'a'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'a', '100k'],
  ['-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'a'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', '-o', 'compat=0.10', 'a'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', '-o', 'cluster_size=512', 'a'],
  ['-f', 'qcow2', '-b', '../base.qcow2', '-F', 'qcow2', 'sub/a'],
  ['-f', 'qcow2', '-b', 'base.qcow2', 'a'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'foo', 'a'],
  ['-f', 'qcow2', '-b', 'nosuch', '-F', 'qcow2', 'a'],
  ['-f', 'qcow2', '-b', 'nosuch', '-F', 'qcow2', 'a', '1M'],
  ['-f', 'qcow2', '-u', '-b', 'nosuch', '-F', 'qcow2', 'a', '1M'],
  ['-f', 'qcow2', '-u', '-b', 'nosuch', '-F', 'qcow2', 'a'],
  ['-f', 'qcow2', '-b', 'a', '-F', 'qcow2', 'a', '1M'],
  ['-f', 'qcow2', '-F', 'qcow2', 'a', '1M'],
  ['-f', 'raw', '-b', 'base.qcow2', '-F', 'qcow2', 'a', '1M'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', '-o', 'preallocation=metadata', 'a'],
  ['-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', '-o', 'preallocation=metadata,extended_l2=on', 'a'],
  ['-f', 'qcow2', '-o', 'data_file=a.data', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a,,b.data', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,data_file_raw=on', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,data_file_raw=on,cluster_size=512', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,preallocation=metadata', 'a', '100000'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,preallocation=falloc', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,preallocation=full', 'a', '70000'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,preallocation=metadata,extended_l2=on', 'a', '70000'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,data_file_raw=on', 'a', '0'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,preallocation=full', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=no such folder/a.data', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,compat=v2', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file_raw=on', 'a', '3M'],
  ['-f', 'qcow2', '-o', 'data_file=a.data,data_file_raw=on', '-b', 'base.qcow2', '-F', 'qcow2', 'a'],
  ['-f', 'qcow2', '-u', '-b', 'n'.repeat(300), '-F', 'qcow2', '-o', 'cluster_size=512', 'a', '1M'],
];

async function prepare(folder: string): Promise<void> {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  await qemuImg(['create', '-q', '-f', 'qcow2', join(folder, 'base.qcow2'), '3M']);
  writeFileSync(join(folder, 'base.raw'), new Uint8Array(1000));
}

describe('qcow2 create does as qemu-img create, to the byte', function () {
  this.timeout(60_000);
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-create-'));
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, args] of commands.entries()) {
    it(`create ${args.join(' ').slice(0, 100)}`, async () => {
      const [ours, theirs] = [join(root, `${index}-ours`), join(root, `${index}-theirs`)];
      await Promise.all([prepare(ours), prepare(theirs)]);
      const mine = await runProgram(process.execPath, [cli, 'create', ...args], ours);
      const qemus = await runProgram('qemu-img', ['create', ...args], theirs);
      // QEMU leaves out the last line's end after some messages.
      const said = mine.stderr
        .replaceAll(/^qcow2:/gm, 'qemu-img:')
        .replaceAll("'qcow2 --", "'qemu-img --")
        .trimEnd();
      assert.deepEqual({ ...mine, stderr: said }, { ...qemus, stderr: qemus.stderr.trimEnd() });
      const names = readdirSync(theirs, { recursive: true, encoding: 'utf8' }).sort();
      assert.deepEqual(readdirSync(ours, { recursive: true, encoding: 'utf8' }).sort(), names);
      for (const name of names.filter((one) => one !== 'sub')) {
        assert.equal(await difference(join(ours, name), join(theirs, name)), undefined, name);
      }
    });
  }

  // qemu-img leaves an empty file behind.
  it('leaves no half file where it fails', async () => {
    const made = join(root, 'half');
    const args = ['create', '-f', 'raw', '-o', 'preallocation=metadata', made, '1000'];
    const { code, stderr } = await runProgram(process.execPath, [cli, ...args]);
    assert.equal(code, 1);
    assert.match(stderr, /Unsupported preallocation mode: metadata/);
    assert.ok(!existsSync(made));
  });

  // qemu-img overwrites it: it compares the names as they are written.
  it('never overwrites the backing file, by whatever path it is named', async () => {
    const folder = join(root, 'same');
    await prepare(folder);
    const before = readFileSync(join(folder, 'base.qcow2'));
    const args = ['create', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', './base.qcow2'];
    const { code, stderr } = await runProgram(process.execPath, [cli, ...args], folder);
    assert.equal(code, 1);
    assert.match(stderr, /same filename as the backing file/);
    assert.deepEqual(readFileSync(join(folder, 'base.qcow2')), before);
  });

  // qemu-img empties and deletes it.
  it('leaves a file alone where the image can’t be made', async () => {
    const folder = join(root, 'kept');
    await prepare(folder);
    const before = readFileSync(join(folder, 'base.qcow2'));
    for (const options of ['cluster_size=512', 'data_file=base.qcow2']) {
      const args = ['create', '-f', 'qcow2', '-o', options, 'base.qcow2', '1T'];
      const { code } = await runProgram(process.execPath, [cli, ...args], folder);
      assert.equal(code, 1);
      assert.deepEqual(readFileSync(join(folder, 'base.qcow2')), before);
    }
  });

  it('says that it does not encrypt yet, and makes nothing', async () => {
    const made = join(root, 'encrypted');
    const { code, stderr } = await runProgram(process.execPath, [
      ...[cli, 'create', '-f', 'qcow2', '-o', 'encrypt.format=luks,encrypt.key-secret=s', made, '1M'],
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /encrypt\.format' is not supported yet/);
    assert.ok(!existsSync(made));
  });
});
