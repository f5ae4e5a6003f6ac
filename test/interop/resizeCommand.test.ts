import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import type { ProgramResult } from '../support/programs.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';

/**
 * Command lines, each run in a folder of its own with a qcow2 image `a` of 1 MiB, `v2` with a snapshot, `inUse` with a
 * bitmap that was not saved, a raw file `r` of 1000 bytes, `top` with a backing file that is not there, `data` without its
 * data file, and a folder `sub`.
 */
const commands: readonly (readonly string[])[] = [
  [],
  ['a'],
  ['1M'],
  ['-f', 'qcow2'],
  ['a', '2M', 'b'],
  ['a', 'a', '3M'],
  ['a', '1000'],
  ['a', '+1000'],
  ['a', '2000001'],
  ['a', '-1'],
  ['-q', 'a', '-1'],
  ['--shrink', 'a', '-1'],
  ['--shrink', 'a', '-512'],
  ['--shrink', 'a', '-5M'],
  ['--shrink', 'a', '0'],
  ['a', '0'],
  ['a', '+0'],
  ['a', '-0'],
  ['a', '+512'],
  ['a', '1X'],
  ['a', 'abc'],
  ['a', ''],
  ['a', '+'],
  ['a', '-'],
  ['a', '++512'],
  ['a', '+ 5M'],
  ['a', ' 5M'],
  ['a', '0.3'],
  ['a', '1.5M'],
  ['a', '5M,size=6M'],
  ['a', '0x200k'],
  ['a', '--', '-5'],
  ['--', 'a', '3M'],
  ['a', '9E'],
  ['a', '8E'],
  ['a', '7E'],
  ['a', '20E'],
  ['a', '1e'],
  ['a', '+7E'],
  ['a', '+8E'],
  ['a', '9223372035781033984'],
  ['a', '9223372035781034496'],
  ['--shrink', 'a', '-9E'],
  ['a', '--shrink', '512k'],
  ['--preallocation=foo', 'a', '3M'],
  ['--preallocation', 'a', '3M'],
  ['--preallocation', 'metadata', 'a', '3M'],
  ['--prealloc=off', 'a', '3M'],
  ['--preallocation=metadata', '--shrink', 'a', '512k'],
  ['--preallocation=full', 'a', '1M'],
  ['-f', 'raw', 'nosuch', '3M'],
  ['nosuch', '3M'],
  ['-f', 'foo', 'a', '3M'],
  ['-f', 'a', '3M'],
  ['--foo', 'a', '3M'],
  ['-x', 'a', '3M'],
  ['-qf', 'qcow2', 'a', '3M'],
  ['file:a', '3M'],
  ['foo:a', '3M'],
  ['sub', '3M'],
  ['v2', '2M'],
  ['--shrink', 'v2', '512k'],
  ['--preallocation=full', '--shrink', 'v2', '512k'],
  ['v2', '1M'],
  ['v2', '1048577'],
  ['inUse', '3M'],
  ['--shrink', 'inUse', '512k'],
  ['top', '2M'],
  ['data', '2M'],
  ['r', '2000'],
  ['-f', 'raw', 'r', '1000'],
  ['-f', 'raw', 'r', '+1000'],
  ['-f', 'raw', 'r', '-1'],
  ['-f', 'raw', '--shrink', 'r', '-1'],
  ['-f', 'raw', '--shrink', 'r', '500'],
  ['-f', 'raw', '--shrink', 'r', '1010'],
  ['-f', 'raw', 'r', '1024'],
  ['-f', 'raw', '--preallocation=falloc', 'r', '200001'],
  ['-f', 'raw', '--preallocation=full', 'r', '200001'],
  ['-f', 'raw', '--preallocation=metadata', 'r', '200001'],
  ['-f', 'raw', '--preallocation=metadata', 'r', '1024'],
  ['-f', 'raw', '--preallocation=full', '--shrink', 'r', '500'],
  ['-f', 'raw', 'r', '8191P'],
  ['-f', 'raw', 'r', '7E'],
];

async function prepare(folder: string): Promise<void> {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  await qemuImg(['create', '-q', '-f', 'qcow2', 'a', '1M'], folder);
  await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'compat=0.10', 'v2', '1M'], folder);
  await qemuImg(['snapshot', '-c', 'one', 'v2'], folder);
  await qemuImg(['create', '-q', '-f', 'qcow2', 'inUse', '1M'], folder);
  await qemuImg(['bitmap', '--add', 'inUse', 'b1'], folder);
  markInUse(join(folder, 'inUse'));
  await qemuImg(['create', '-q', '-f', 'qcow2', '-u', '-b', 'gone', '-F', 'qcow2', 'top', '1M'], folder);
  await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'data_file=gone.data', 'data', '1M'], folder);
  rmSync(join(folder, 'gone.data'));
  writeFileSync(join(folder, 'r'), new Uint8Array(1000).fill(1));
}

/** Sets the flag in_use of the first bitmap. */
function markInUse(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(Buffer.from([0x23, 0x85, 0x28, 0x75]));
  const directory = Number(bytes.readBigUInt64BE(at + 8 + 16));
  bytes.writeUInt32BE(bytes.readUInt32BE(directory + 12) | 1, directory + 12);
  writeFileSync(path, bytes);
}

describe('qcow2 resize says what qemu-img resize says', function () {
  this.timeout(60_000);
  let root: string;
  let prepared: string;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-resize-'));
    prepared = join(root, 'prepared');
    await prepare(prepared);
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, args] of sampled(commands, 14).entries()) {
    it(`resize ${args.join(' ')}`, async () => {
      const [ours, theirs] = [join(root, `${index}-ours`), join(root, `${index}-theirs`)];
      cpSync(prepared, ours, { recursive: true });
      cpSync(prepared, theirs, { recursive: true });
      const mine = await run(['resize', ...args], ours);
      const qemus = await runProgram('qemu-img', ['resize', ...args], theirs);
      assert.deepEqual(mine, { ...qemus, stderr: qemus.stderr.trimEnd() });
      const sizes = await Promise.all([sizesIn(ours), sizesIn(theirs)]);
      assert.deepEqual(sizes[0], sizes[1]);
      for (const folder of [ours, theirs]) {
        rmSync(folder, { recursive: true });
      }
    });
  }

  // On purpose other than qemu-img, which says "Not enough arguments" to the first two.
  for (const args of [['-h'], ['--help'], ['--help', 'x']]) {
    it(`gives the options: resize ${args.join(' ')}`, async () => {
      const { code, stdout } = await run(['resize', ...args], root);
      assert.equal(code, 0);
      assert.match(stdout, /^usage: qcow2 resize .*--preallocation.*--shrink/);
    });
  }

  it('shows what it would do, and does nothing', async () => {
    const folder = join(root, 'dry');
    await prepare(folder);
    const before = readFileSync(join(folder, 'a'));
    const { code, stdout } = await run(['resize', '--dry-run', '--preallocation=falloc', 'a', '3M'], folder);
    assert.equal(code, 0);
    assert.match(stdout, /^Resize from 1 MiB to 3 MiB\n/);
    assert.match(stdout, /2 MiB at 0x5_0000 get blocks/);
    assert.match(stdout, /size: 1\s048\s576 -> 3\s145\s728/);
    assert.doesNotMatch(stdout, /Image resized/);
    assert.deepEqual(readFileSync(join(folder, 'a')), before);
  });

  it('keeps a shrink so that it can be undone to the byte, raw images too', async () => {
    for (const [format, name] of [
      ['qcow2', 'a'],
      ['raw', 'r'],
    ] as const) {
      const folder = join(root, `undo-${format}`);
      await prepare(folder);
      if (format === 'qcow2') {
        await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 1 0 1M', 'a'], folder);
      }
      const image = join(folder, name);
      const before = readFileSync(image);
      const resized = await run(['resize', '-q', '-f', format, '--shrink', '--keep-undo', name, '512'], folder);
      assert.deepEqual(resized, { code: 0, stdout: '', stderr: '' });
      assert.ok(statSync(image).size < before.length);
      const undone = await run(['undo', name], folder);
      assert.equal(undone.code, 0, undone.stderr);
      assert.deepEqual(readFileSync(image), before);
      assert.ok(!existsSync(`${image}.undo-journal`));
    }
  });

  // QEMU's test 250: what is given up gives its blocks back, and nothing else changes its.
  it('gives the blocks of clusters back that it gives up, and no others', async () => {
    const image = join(root, 'blocks');
    const options = 'cluster_size=1M,preallocation=metadata';
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', options, image, '2100M']);
    for (const write of ['write -P 1 2090M 10M', 'write -P 2 0 10M']) {
      await runProgram('qemu-io', ['-f', 'qcow2', '-c', write, image]);
    }
    const before = statSync(image).blocks;
    const { code, stderr } = await run(['resize', '--shrink', image, '5M'], root);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal((before - statSync(image).blocks) * 512, 15 * 2 ** 20);
  });

  // qemu-img needs the pass phrase, and `--image-opts` for it. The guest's data is not looked at.
  it('resizes an encrypted image without its pass phrase', async () => {
    const [ours, theirs] = ['ours.luks', 'theirs.luks'].map((name) => join(root, name));
    const secret = ['--object', 'secret,id=s,data=abc'];
    const luks = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=100';
    await qemuImg([...['create', '-q', '-f', 'qcow2'], ...secret, '-o', luks, `${ours}`, '1M']);
    const opened = (path: string): string => `driver=qcow2,encrypt.key-secret=s,file.filename=${path}`;
    const write = ['-c', 'write -P 5 0 1M', '--image-opts', opened(`${ours}`)];
    assert.equal((await runProgram('qemu-io', [...secret, ...write])).code, 0);
    await runProgram('cp', [`${ours}`, `${theirs}`]);
    for (const [shrink, size] of [
      [[], '40G'],
      [['--shrink'], '512k'],
    ] as const) {
      assert.equal((await run(['resize', ...shrink, `${ours}`, size], root)).code, 0);
      await qemuImg(['resize', ...secret, '-q', '--image-opts', ...shrink, opened(`${theirs}`), size]);
      const compare = ['compare', ...secret, '--image-opts', opened(`${ours}`), opened(`${theirs}`)];
      assert.equal((await runProgram('qemu-img', compare)).code, 0);
      assert.equal((await runProgram('qemu-img', ['check', ...secret, '--image-opts', opened(`${ours}`)])).code, 0);
    }
  });
});

/** Runs our command; its messages as those of qemu-img, whose last line sometimes has no end. */
async function run(args: readonly string[], folder: string): Promise<ProgramResult> {
  const result = await runQcow2(args, folder);
  const stderr = result.stderr
    .replaceAll(/^qcow2:/gm, 'qemu-img:')
    .replaceAll("'qcow2 --", "'qemu-img --")
    .trimEnd();
  return { ...result, stderr };
}

/** The virtual sizes of the images in a folder, and the lengths of the raw file. */
async function sizesIn(folder: string): Promise<readonly unknown[]> {
  const sizes: unknown[] = [statSync(join(folder, 'r')).size, statSync(join(folder, 'r')).blocks];
  for (const name of ['a', 'v2', 'inUse']) {
    const info = JSON.parse(await qemuImg(['info', '--output=json', name], folder)) as Record<string, unknown>;
    sizes.push(info['virtual-size']);
  }
  return sizes;
}
