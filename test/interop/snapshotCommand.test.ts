import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { create, follow, img, io, overlay, patchTable, raw, type Step } from '../support/imageRecipe.ts';
import type { ProgramResult } from '../support/programs.ts';
import { runProgram } from '../support/qemu.ts';

const disk = 'disk.qcow2';

/** A command line that qemu-img answers in the same words, with the same exit status. */
interface Answer {
  readonly name: string;
  readonly steps?: readonly Step[];
  readonly args: readonly string[];
}

const oneSnapshot = [create(disk, '1M'), io(disk, 'write -P 1 0 64k'), img('snapshot', '-c', 'one', disk)];
const raws = [raw('disk.raw', 2 ** 20)];
const dataFile = [create(disk, '1M', 'data_file=data.raw')];
const dated = [...oneSnapshot, patchTable(disk, 64, 16, '65 53 f1 00')];

const answers: readonly Answer[] = [
  { name: 'no file', args: [] },
  { name: 'two files', args: ['-l', disk, disk] },
  { name: 'a missing argument', args: ['-c'] },
  { name: 'an unknown option', args: ['--unknown', disk] },
  { name: 'two actions', args: ['-c', 'a', '-d', 'b', disk] },
  { name: 'one action twice', args: ['-l', '-l', disk] },
  { name: 'a file that is not there', args: ['-l', 'none.qcow2'] },
  { name: 'no action', steps: oneSnapshot, args: [disk] },
  { name: 'a list', steps: dated, args: ['-l', disk] },
  { name: 'a list while the image is in use', steps: dated, args: ['-U', '-l', disk] },
  { name: 'a list of nothing', steps: [create(disk, '1M')], args: ['-l', disk] },
  { name: 'a change while the image is in use', steps: oneSnapshot, args: ['-U', '-c', 'a', disk] },
  { name: 'applying by ID', steps: oneSnapshot, args: ['-a', '1', disk] },
  { name: 'applying by name', steps: oneSnapshot, args: ['-q', '-a', 'one', disk] },
  { name: 'applying what is not there', steps: oneSnapshot, args: ['-a', 'none', disk] },
  { name: 'deleting by ID', steps: oneSnapshot, args: ['-d', '1', disk] },
  { name: 'deleting by name', steps: oneSnapshot, args: ['-d', 'one', disk] },
  { name: 'deleting what is not there', steps: oneSnapshot, args: ['-d', 'none', disk] },
  { name: 'taking one in a raw image', steps: raws, args: ['-c', 'a', 'disk.raw'] },
  { name: 'applying one in a raw image', steps: raws, args: ['-a', 'a', 'disk.raw'] },
  { name: 'deleting one in a raw image', steps: raws, args: ['-d', 'a', 'disk.raw'] },
  { name: 'no action on a raw image', steps: raws, args: ['disk.raw'] },
  { name: 'a list of a raw image', steps: raws, args: ['-l', 'disk.raw'] },
  { name: 'taking one with a data file', steps: dataFile, args: ['-c', 'a', disk] },
  { name: 'applying one with a data file', steps: dataFile, args: ['-a', 'a', disk] },
  { name: 'deleting one with a data file', steps: dataFile, args: ['-d', 'a', disk] },
  {
    name: 'applying one with bitmaps',
    steps: [...oneSnapshot, img('bitmap', '--add', disk, 'b')],
    args: ['-a', 'one', disk],
  },
  {
    name: 'applying one with a data file and bitmaps',
    steps: [...dataFile, img('bitmap', '--add', disk, 'b')],
    args: ['-a', 'one', disk],
  },
  {
    name: 'refcounts of 1 bit',
    steps: [create(disk, '1M', 'refcount_bits=1'), io(disk, 'write 0 64k')],
    args: ['-c', 'a', disk],
  },
  {
    name: 'a snapshot of another size in version 2',
    steps: [
      create(disk, '1M', 'compat=0.10'),
      img('snapshot', '-c', 'one', disk),
      patchTable(disk, 64, 48, '00 00 00 00 00 20 00 00'),
    ],
    args: ['-a', 'one', disk],
  },
  {
    name: 'a snapshot of a size that is no multiple of a sector',
    steps: [...oneSnapshot, patchTable(disk, 64, 48, '00 00 00 00 00 20 00 01')],
    args: ['-a', 'one', disk],
  },
];

/** What a person reads, each line once, but for the program's name: QEMU warns twice where it opens a raw image twice. */
function said({ code, stdout, stderr }: ProgramResult): unknown {
  return { code, stdout, stderr: new Set(stderr.replaceAll('qemu-img', 'qcow2').split('\n')) };
}

describe('qcow2 snapshot says what qemu-img snapshot says', function () {
  this.timeout(60_000);
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-snapshot-command-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const ours = (...args: readonly string[]): Promise<ProgramResult> => runQcow2(['snapshot', ...args], folder);

  for (const { name, steps = [], args } of answers) {
    it(name, async () => {
      await follow({ name, steps }, folder);
      const us = await ours(...args);
      await follow({ name, steps }, folder);
      const them = await runProgram('qemu-img', ['snapshot', ...args], folder);
      assert.deepEqual(said(us), said(them));
    });
  }

  it('cuts a long name as qemu-img does', async () => {
    const long = 'n'.repeat(300);
    for (const program of ['ours', 'theirs'] as const) {
      await follow({ name: 'long', steps: [create(disk, '1M')] }, folder);
      const { code } =
        program === 'ours'
          ? await ours('-c', long, disk)
          : await runProgram('qemu-img', ['snapshot', '-c', long, disk], folder);
      assert.equal(code, 0);
      copyFileSync(join(folder, disk), join(folder, program));
    }
    const names = await Promise.all(
      ['ours', 'theirs'].map(async (file) => {
        const { stdout } = await runProgram('qemu-img', ['info', '--output=json', file], folder);
        return (JSON.parse(stdout) as { snapshots: { name: string }[] }).snapshots[0]?.name;
      }),
    );
    assert.deepEqual(names, ['n'.repeat(255), 'n'.repeat(255)]);
  });

  it('needs no backing file, which qemu-img opens without looking at it', async () => {
    const steps = [raw('base.raw', 2 ** 20), overlay(disk, 'base.raw', 'raw')];
    await follow({ name: 'backing', steps }, folder);
    rmSync(join(folder, 'base.raw'));
    assert.equal((await runProgram('qemu-img', ['snapshot', '-c', 'a', disk], folder)).code, 1);
    assert.equal((await ours('-c', 'a', disk)).code, 0);
  });

  it('writes nothing with --dry-run, and nothing where it refuses', async () => {
    await follow({ name: 'dry', steps: oneSnapshot }, folder);
    const before = readFileSync(join(folder, disk));
    const dry = await ours('--dry-run', '-d', 'one', disk);
    assert.equal(dry.code, 0);
    assert.match(dry.stdout, /nb_snapshots: 1 -> 0/);
    assert.equal((await ours('-a', 'none', disk)).code, 1);
    assert.deepEqual(readFileSync(join(folder, disk)), before);
  });
});
