import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { aes } from './createCommands.ts';

/**
 * Command lines of `amend`, by the image that each is run on. `a` is compat 1.1, `old` 0.10, `narrow` has refcounts of 8
 * bits, `shot` a snapshot of another size, `shared` one of the same, `out` an external data file that is raw.
 */
const commands: readonly (readonly string[])[] = [
  [],
  ['a'],
  ['-o', 'compat=v2'],
  ['-o', 'compat=v2', 'a', 'old'],
  ['-o', 'compat=0.9', 'a'],
  ['-o', 'compat=', 'a'],
  ['-o', 'compat=v2,,', 'a'],
  ['-o', '', 'a'],
  ['-o', ',compat=v2', 'a'],
  ['-o', 'compat=v2', '-o', '', 'a'],
  ['-o', 'help', 'a'],
  ['-o', '?', 'a'],
  ['-o', 'compat=v2,help', 'a'],
  ['-o', 'compat=v2', '-o', 'help', 'a'],
  ['-f', 'qcow2', '-o', 'help'],
  ['-f', 'raw', '-o', 'help'],
  ['-f', 'vdi', '-o', 'help'],
  ['-f', 'foo', '-o', 'help'],
  ['-o', 'help'],
  ['-o', 'help=on', 'a'],
  ['-o', 'helpx', 'a'],
  ['-o', 'cluster_size=4k', 'a'],
  ['-o', 'cluster_size=xyz', 'a'],
  ['-o', 'preallocation=metadata', 'a'],
  ['-o', 'extended_l2=on', 'a'],
  ['-o', 'compression_type=zstd', 'a'],
  ['-o', 'encryption=on', 'a'],
  ['-o', 'encrypt.format=luks', 'a'],
  ['-o', 'encrypt.state=active', 'a'],
  ['-o', 'encrypt.new-secret=s', 'a'],
  ['-o', 'encrypt.keyslot=x', 'a'],
  ['-o', 'nocow=on', 'a'],
  ['-o', 'nosuch=1', 'a'],
  ['-o', 'nosuch=1,cluster_size=4k', 'a'],
  ['-o', 'cluster_size=4k,nosuch=1', 'a'],
  ['-o', 'lazy_refcounts=maybe,nosuch=1', 'a'],
  ['-o', 'lazy_refcounts=maybe,lazy_refcounts=on', 'a'],
  ['-o', 'backing_file=b', 'a'],
  ['-o', 'backing_fmt=raw', 'a'],
  ['-o', 'backing_file=b,compat=v9', 'a'],
  ['-o', 'backing_file=b,refcount_bits=3', 'a'],
  ['-o', 'refcount_bits=3', 'a'],
  ['-o', 'refcount_bits=0', 'a'],
  ['-o', 'refcount_bits=128', 'a'],
  ['-o', 'refcount_bits=abc', 'a'],
  ['-o', 'refcount_bits=0x10', 'a'],
  ['-o', 'refcount_bits=040', 'a'],
  ['-o', 'refcount_bits=+8', 'a'],
  ['-o', 'refcount_bits=-18446744073709551608', 'a'],
  ['-o', 'refcount_bits=8', 'old'],
  ['-o', 'refcount_bits=8,compat=v2', 'a'],
  ['-o', 'refcount_bits=1', 'shared'],
  ['-o', 'lazy_refcounts=on', 'old'],
  ['-o', 'lazy_refcounts=on,compat=v2', 'a'],
  ['-o', 'lazy_refcounts', 'a'],
  ['-o', 'nolazy_refcounts', 'a'],
  ['-o', 'data_file=d', 'a'],
  ['-o', 'data_file_raw=on', 'a'],
  ['-o', 'data_file_raw=off', 'a'],
  ['-o', 'data_file_raw=on', 'out'],
  ['-o', 'data_file_raw=off', 'out'],
  ['-o', 'data_file=other', 'out'],
  ['-o', 'compat=v2', 'narrow'],
  ['-o', 'compat=v2,refcount_bits=16', 'narrow'],
  ['-o', 'compat=v2', 'out'],
  ['-o', 'compat=v2', 'shot'],
  ['-o', 'compat=v2', 'extended'],
  ['-o', 'compat=v2', 'zstd'],
  ['-o', 'compat=v2', 'packed'],
  ['-o', 'size=abc', 'a'],
  ['-o', 'size=0', 'a'],
  ['-o', 'size=8E', 'a'],
  ['-o', 'size=1', 'a'],
  ['-o', 'size=2M', 'a'],
  ['-o', 'size=2M,compat=v2,refcount_bits=16', 'narrow'],
  ['-o', 'size=2M,compat=v3', 'old'],
  ['-t', 'foo', '-o', 'compat=v2', 'a'],
  ['-t', 'none', '-o', 'compat=v2', 'a'],
  ['-t', 'unsafe', '-o', 'compat=v2', 'a'],
  ['-t', 'foo', '-o', 'compat=v2', 'nosuch'],
  ['-f', 'raw', '-o', 'compat=v2', 'a'],
  ['-f', 'raw', '-o', 'nosuch=1', 'a'],
  ['-f', 'foo', '-o', 'compat=v2', 'a'],
  ['-o', 'compat=v2', 'nosuch'],
  ['-o', 'compat=v2', 'file:a'],
  ['-o', 'compat=v2', '--force', 'a'],
  ['-x', '-o', 'compat=v2', 'a'],
  ['-o'],
  ['-p', '-o', 'compat=v1', 'a'],
  ['-p', '-o', 'compat=v3', 'a'],
  ['-p', '-o', 'compat=v3', 'nosuch'],
  ['-p', '-q', '-o', 'compat=v2', 'a'],
  ['a', '-o', 'compat=v3', '-q'],
];

/** The images that there are. */
const names = ['a', 'old', 'narrow', 'shot', 'shared', 'out', 'extended', 'zstd', 'packed'];

async function prepare(folder: string): Promise<void> {
  mkdirSync(folder);
  const create = (name: string, options: string, size = '1M'): Promise<string> =>
    qemuImg(['create', '-q', '-f', 'qcow2', ...(options ? ['-o', options] : []), name, size], folder);
  const write = (name: string, command: string) => runProgram('qemu-io', ['-c', command, name], folder);
  await create('a', '');
  await create('old', 'compat=0.10');
  await create('narrow', 'refcount_bits=8');
  await create('shot', '');
  await qemuImg(['snapshot', '-c', 's', 'shot'], folder);
  await qemuImg(['resize', '-q', 'shot', '2M'], folder);
  await create('shared', '');
  await write('shared', 'write 64k 128k');
  await qemuImg(['snapshot', '-c', 's', 'shared'], folder);
  await create('out', 'data_file=out.raw,data_file_raw=on');
  await create('extended', 'extended_l2=on');
  await create('zstd', 'compression_type=zstd');
  await create('packed', 'compression_type=zstd');
  await write('packed', 'write -c 0 64k');
}

describe('qcow2 bits', () => {
  it('does nothing before each bit is named twice, and says what it means', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-bits-'));
    try {
      await qemuImg(['create', '-q', '-f', 'qcow2', 'a', '1M'], folder);
      const bits = (...args: readonly string[]) => runQcow2(['bits', ...args, 'a'], folder);
      const before = readFileSync(join(folder, 'a'));
      const asked = await bits('--set', 'corrupt');
      assert.equal(asked.code, 1);
      assert.match(asked.stderr, /nothing was changed: say that you mean it with --confirm corrupt\n.*repaired/);
      assert.equal((await bits('--set', 'corrupt', '--confirm', 'dirty')).code, 1);
      assert.deepEqual(readFileSync(join(folder, 'a')), before);
      assert.equal((await bits('--set', 'corrupt', '--confirm', 'corrupt')).code, 0);
      assert.match(await qemuImg(['info', 'a'], folder), /corrupt: true/);
      assert.equal((await bits('--clear', 'corrupt', '--confirm', 'corrupt')).code, 0);
      assert.deepEqual(readFileSync(join(folder, 'a')), before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }).timeout(60_000);
});

describe('qcow2 amend says what qemu-img amend says', function () {
  this.timeout(60_000);
  let root: string;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-amend-'));
    await prepare(join(root, 'images'));
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, args] of sampled(commands, 24).entries()) {
    it(`amend ${args.join(' ')}`, async () => {
      const [ours, theirs] = [join(root, `${index}-ours`), join(root, `${index}-theirs`)];
      for (const folder of [ours, theirs]) {
        cpSync(join(root, 'images'), folder, { recursive: true });
      }
      const mine = await runQcow2(['amend', ...args], ours);
      const qemus = await runProgram('qemu-img', ['amend', ...args], theirs);
      const said = mine.stderr.replaceAll(/^qcow2:/gm, 'qemu-img:').replaceAll("'qcow2 ", "'qemu-img ");
      assert.deepEqual({ ...mine, stderr: said.trimEnd() }, { ...qemus, stderr: qemus.stderr.trimEnd() });
      for (const image of args.filter((word) => names.includes(word.replace('file:', '')))) {
        assert.deepEqual(await about(image, ours), await about(image, theirs), image);
      }
    });
  }

  // Which numbers come between depends on how the work is done.
  it('prints 100 % twice where the change reports how far it is, as qemu-img does', async () => {
    const cases = ['compat=v2', 'compat=v3', 'refcount_bits=32', 'refcount_bits=16', 'lazy_refcounts=on', 'size=512k'];
    for (const [index, options] of cases.entries()) {
      const folders = [join(root, `progress-${index}-ours`), join(root, `progress-${index}-theirs`)] as const;
      for (const folder of folders) {
        cpSync(join(root, 'images'), folder, { recursive: true });
      }
      const args = ['amend', '-p', '-o', options, 'a'];
      const mine = await runQcow2(args, folders[0]);
      const qemus = await runProgram('qemu-img', args, folders[1]);
      assert.equal(mine.stderr, '');
      const ends = ({ stdout }: { stdout: string }) => stdout.match(/100\.00/g)?.length;
      assert.equal(ends(mine), ends(qemus), options);
    }
  });

  it('says what qemu-img says of QEMU’s old encryption, and warns once of bitmaps that do not count', async () => {
    const folder = join(root, 'words');
    cpSync(join(root, 'images'), folder, { recursive: true });
    const secret = ['--object', 'secret,id=s,data=abc'];
    await runQcow2(['create', '-q', '-f', 'qcow2', ...secret, '-o', aes, 'aes', '1M'], folder);
    await qemuImg(['bitmap', '--add', 'a', 'one'], folder);
    const bytes = readFileSync(join(folder, 'a'));
    bytes.fill(0, 88, 96);
    writeFileSync(join(folder, 'a'), bytes);
    const opened = 'driver=qcow2,file.filename=aes,encrypt.key-secret=s';
    for (const args of [
      ['amend', ...secret, '-o', 'encrypt.state=active', '--image-opts', opened],
      ['amend', '-o', 'size=1000', 'a'],
      ['amend', '-o', 'size=2M', 'a'],
    ]) {
      writeFileSync(join(folder, 'a'), bytes);
      const mine = await runQcow2(args, folder);
      writeFileSync(join(folder, 'a'), bytes);
      const qemus = await runProgram('qemu-img', args, folder);
      // QEMU ends no line after its advice.
      const words = (text: string): string => text.replaceAll('qemu-img: ', 'qcow2: ').replaceAll('\n', '');
      assert.deepEqual([mine.code, words(mine.stderr)], [qemus.code, words(qemus.stderr)]);
    }
  });

  // qemu-img does it without a word.
  it('warns where the image then names no data file', async () => {
    const folder = join(root, 'unnamed');
    cpSync(join(root, 'images'), folder, { recursive: true });
    const { code, stderr } = await runQcow2(['amend', '-o', 'data_file=', 'out'], folder);
    assert.equal(code, 0);
    assert.match(stderr, /^qcow2: warning: The image then names no external data file/);
    assert.doesNotMatch(await qemuImg(['info', 'out'], folder), /data file:/);
  });

  // qemu-img names the first one alone, after it has changed the width of the refcounts.
  it('tells of everything that stands in the way, and changes nothing then', async () => {
    const folder = join(root, 'several');
    cpSync(join(root, 'images'), folder, { recursive: true });
    await qemuImg(['amend', '-o', 'refcount_bits=32', 'shot'], folder);
    const before = readFileSync(join(folder, 'shot'));
    const { code, stderr } = await runQcow2(['amend', '-o', 'compat=v2', 'shot'], folder);
    assert.equal(code, 1);
    assert.deepEqual(stderr.split('\n'), [
      'qcow2: compat=0.10 requires refcount_bits=16',
      'The image is not changed. 2 things stand in the way:',
      '- Refcounts have 32 bits, and 16 in compat 0.10. Amend refcount_bits=16 too.',
      '- Snapshot 0 (“s”) is of a disk of 1 MiB, and the disk has 2 MiB: compat 0.10 has one size for all. Delete it first.',
      '',
    ]);
    assert.deepEqual(readFileSync(join(folder, 'shot')), before);
  });

  it('shows with --dry-run what would be written, and writes nothing', async () => {
    const folder = join(root, 'dry');
    cpSync(join(root, 'images'), folder, { recursive: true });
    const before = readFileSync(join(folder, 'a'));
    const args = ['amend', '--dry-run', '-o', 'compat=v2', 'a'];
    const { code, stdout } = await runQcow2(args, folder);
    assert.equal(code, 0);
    assert.match(stdout, /^Downgrade to compat 0.10\n\n1. Write the header of compat 0.10\n/);
    assert.match(stdout, /version: 3 -> 2/);
    assert.deepEqual(readFileSync(join(folder, 'a')), before);
  });
});

/** What `info` says, but the space. */
async function about(image: string, folder: string): Promise<unknown> {
  const { 'actual-size': _, ...info } = JSON.parse(await qemuImg(['info', '--output=json', image], folder)) as Record<
    string,
    unknown
  >;
  return info;
}
