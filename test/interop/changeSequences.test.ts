import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { judge } from '../crash/judge.ts';
import { runQcow2 } from '../support/command.ts';
import type { ProgramResult } from '../support/programs.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { type Random, random } from '../support/random.ts';
import { everything } from '../support/sampled.ts';
import { drawMove, type MadeDisk, type Move, madeDisks } from './changeMoves.ts';
import { bitmapsOf } from './described.ts';
import { DiskModel } from './diskModel.ts';

/** How many sequences there are, and how many moves each has. `QCOW2_SEQUENCES=200` tries more. */
const sequences = Number(process.env.QCOW2_SEQUENCES ?? (everything ? 60 : 4));
const length = 8;

const diskSize = 2 ** 20;
const backingSize = 2 ** 21;

/**
 * Where qemu-img is not as it should be, or refuses what can be done, or does what can't be: then its copy is made ours.
 * What the command line matches, and why. Each has a test of its own beside.
 */
const differences: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^amend .*compat=0\.10/, 'a downgrade: see amendDifferences.test.ts'],
];

/** The image, in a folder for each program, and what it should be. */
interface Pair {
  readonly ours: string;
  readonly theirs: string;
  readonly disk: DiskModel;
}

describe('any sequence of changes and writes', function () {
  this.timeout(120_000);
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-sequences-'));
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (let seed = 1; seed <= sequences; seed++) {
    const made = madeDisks[(seed * 5) % madeDisks.length] ?? madeDisks[0];
    const kind = `${made.options || 'compat 1.1'}${made.backed ? ' over a backing file' : ''}`;
    it(`leaves what qemu-img leaves, and can be undone: sequence ${seed}, ${kind}`, async () => {
      const drawn = random(seed);
      const pair = await makePair(join(root, String(seed)), made);
      const done: string[] = [];
      try {
        for (let number = 1; number <= length; number++) {
          const move = drawMove(drawn, made, pair.disk, number);
          done.push(...move.commands.map((command) => command.join(' ')));
          await makeMove(pair, move, drawn);
        }
        await requireSnapshots(pair);
      } catch (error) {
        throw new Error(`after ${done.join('; ')}`, { cause: error });
      }
      rmSync(join(root, String(seed)), { recursive: true });
    });
  }
});

async function makePair(folder: string, { options, backed }: MadeDisk): Promise<Pair> {
  const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
  mkdirSync(ours, { recursive: true });
  await qemuImg(['create', '-q', '-f', 'raw', 'zeros', String(backingSize)], ours);
  if (backed) {
    await qemuImg(['create', '-q', '-f', 'raw', 'base', String(backingSize)], ours);
    await inQemuIo(ours, 'raw', 'base', [`write -P 251 0 ${backingSize}`]);
    copyFileSync(join(ours, 'base'), join(ours, 'base2'));
  }
  const over = backed ? ['-b', 'base', '-F', 'raw'] : [];
  const list = options === '' ? [] : ['-o', options];
  await qemuImg(['create', '-q', '-f', 'qcow2', ...list, ...over, 'disk', String(diskSize)], ours);
  const disk = new DiskModel(Buffer.alloc(diskSize, backed ? 251 : 0));
  const compressed = options.includes('data_file') || options.includes('preallocation') ? '' : '-c ';
  await inQemuIo(ours, 'qcow2', 'disk', [
    'write -P 1 0 300k',
    'write -z 320k 64k',
    `write ${compressed}-P 2 768k 128k`,
  ]);
  for (const [at, size, byte] of [
    [0, 300, 1],
    [320, 64, 0],
    [768, 128, 2],
  ] as const) {
    disk.fill(at * 1024, size * 1024, byte);
  }
  cpSync(ours, theirs, { recursive: true });
  return { ours, theirs, disk };
}

async function inQemuIo(folder: string, format: string, image: string, commands: readonly string[]): Promise<void> {
  const words = commands.flatMap((command) => ['-c', command]);
  const { code, stdout, stderr } = await runProgram('qemu-io', ['-f', format, ...words, image], folder);
  assert.ok(code === 0 && !/failed|error/i.test(stdout + stderr), `qemu-io ${commands.join(', ')}: ${stdout}${stderr}`);
}

/** Does the same to both, and holds ours against QEMU's and the model. */
async function makeMove(pair: Pair, { commands, effect }: Move, drawn: Random): Promise<void> {
  const { ours, theirs, disk } = pair;
  let done = true;
  for (const command of commands) {
    done &&= await runBoth(pair, command, drawn);
  }
  if (done) {
    effect(disk);
  }
  const last = commands.at(-1)?.join(' ') ?? '';
  await requireGood(ours, disk);
  const named = differences.find(([pattern]) => pattern.test(last));
  if (!named) {
    assert.deepEqual(await told(ours), await told(theirs), last);
  } else if (!(await isGood(theirs, disk))) {
    takeOver(pair);
  }
}

/** Runs a command on both; returns whether it succeeded. Ours is undone first now and then, and done again. */
async function runBoth(pair: Pair, command: readonly string[], drawn: Random): Promise<boolean> {
  const { ours, theirs } = pair;
  const [verb, ...args] = command;
  if (verb === 'io') {
    await inQemuIo(ours, 'qcow2', 'disk', args);
    await inQemuIo(theirs, 'qcow2', 'disk', args);
    return true;
  }
  const before = readAll(ours);
  if (drawn.below(3) === 0) {
    await doneAndUndone(ours, command, before);
  }
  const mine = await runQcow2(command, ours);
  // qemu-img can't set bits.
  const qemus = await (verb === 'bits' ? runQcow2(command, theirs) : runProgram('qemu-img', command, theirs));
  if (mine.code !== 0) {
    requireSame(ours, before, 'a change that is refused leaves the files as they are');
    // QEMU may have done the half of it.
    takeOver(pair);
  }
  const named = differences.find(([pattern]) => pattern.test(command.join(' ')));
  if (!named || mine.code === qemus.code) {
    assert.deepEqual(endOf(mine), endOf(qemus), command.join(' '));
  } else {
    takeOver(pair);
  }
  return mine.code === 0;
}

/** The exit status, and the first line that is said: ours tell of all that stands in the way after it. */
function endOf({ code, stdout, stderr }: ProgramResult): object {
  const [said = ''] = (code === 0 ? stdout : stderr).split('\n');
  // QEMU numbers its nodes, and clusters may lie elsewhere.
  const alike = said
    .replace(/^(qcow2|qemu-img): /, '')
    .replace(/#block\d+/, '#block')
    .replace(/0x\w+/, 'there');
  return { code, said: alike };
}

async function doneAndUndone(folder: string, command: readonly string[], before: Files): Promise<void> {
  const [verb = '', ...args] = command;
  const done = await runQcow2([verb, '--keep-undo', ...args], folder);
  if (done.code === 0 && existsSync(join(folder, 'disk.undo-journal'))) {
    const undone = await runQcow2(['undo', 'disk'], folder);
    assert.deepEqual([undone.code, undone.stderr], [0, ''], `undo of ${command.join(' ')}`);
  }
  requireSame(folder, before, `${command.join(' ')}, undone`);
}

/** The files of a folder by name. */
type Files = ReadonlyMap<string, Buffer>;

function readAll(folder: string): Files {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

function requireSame(folder: string, before: Files, what: string): void {
  const now = readAll(folder);
  assert.deepEqual([...now.keys()], [...before.keys()], what);
  for (const [name, bytes] of before) {
    assert.ok(now.get(name)?.equals(bytes), `${what}: ${name} is as it was`);
  }
}

/** QEMU's copy becomes ours. */
function takeOver({ ours, theirs }: Pair): void {
  cpSync(ours, theirs, { recursive: true, force: true });
}

async function requireGood(folder: string, disk: DiskModel): Promise<void> {
  const { code, stdout, stderr } = await runProgram('qemu-img', ['check', '-f', 'qcow2', 'disk'], folder);
  assert.equal(code, 0, `qemu-img check: ${stdout}${stderr}`);
  const file = await openFile(join(folder, 'disk'));
  try {
    assert.deepEqual((await judge(file)).errors, []);
  } finally {
    await file.close();
  }
  requireBytes(await bytesOf(folder, ''), disk.bytes, 'the disk');
}

async function isGood(folder: string, disk: DiskModel): Promise<boolean> {
  try {
    await requireGood(folder, disk);
    return true;
  } catch (error) {
    assert.ok(error instanceof Error);
    return false;
  }
}

/** Both have the snapshots that they should have, with what the guest saw. */
async function requireSnapshots({ ours, theirs, disk }: Pair): Promise<void> {
  for (const folder of [ours, theirs]) {
    const names = (await infoOf(folder)).snapshots.map(({ name }) => name);
    assert.deepEqual(names, [...disk.snapshots.keys()], 'the snapshots');
    for (const [name, bytes] of disk.snapshots) {
      // QEMU shows a snapshot as long as the disk is now.
      const seen = await bytesOf(folder, name);
      const least = Math.min(seen.length, bytes.length);
      requireBytes(seen.subarray(0, least), bytes.subarray(0, least), `snapshot "${name}"`);
    }
  }
}

function requireBytes(seen: Buffer, wanted: Buffer, what: string): void {
  assert.equal(seen.length, wanted.length, `bytes of ${what}`);
  const at = seen.equals(wanted) ? -1 : seen.findIndex((byte, index) => byte !== wanted[index]);
  assert.equal(at, -1, `${what} differs at ${at}: ${seen[at]}, and ${wanted[at]} is wanted`);
}

/** What the guest sees, by QEMU: of a snapshot, or of the disk (by an empty name). */
async function bytesOf(folder: string, snapshot: string): Promise<Buffer> {
  const layer = snapshot === '' ? [] : ['-l', `snapshot.name=${snapshot}`];
  await qemuImg(['convert', '-f', 'qcow2', '-O', 'raw', ...layer, 'disk', '../seen'], folder);
  return readFileSync(join(folder, '../seen'));
}

interface Info {
  readonly snapshots: readonly { readonly name: string; readonly [member: string]: unknown }[];
  readonly [member: string]: unknown;
}

/** What qemu-img tells of an image, without what is of the file system and of the time. */
async function infoOf(folder: string): Promise<Info> {
  const said = JSON.parse(await qemuImg(['info', '--output=json', 'disk'], folder)) as Partial<Info>;
  const { 'actual-size': _, snapshots = [], ...info } = said;
  return {
    ...info,
    snapshots: snapshots.map(({ 'date-sec': __, 'date-nsec': ___, ...snapshot }) => snapshot),
  };
}

async function told(folder: string): Promise<object> {
  const file = await openFile(join(folder, 'disk'));
  try {
    return { info: await infoOf(folder), bitmaps: await bitmapsOf(await openImage(file)) };
  } finally {
    await file.close();
  }
}
