import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { apply } from '../../src/engine/change/apply.ts';
import type { ChangeSet } from '../../src/engine/change/changeSet.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { readSnapshots } from '../../src/engine/image/snapshotTable.ts';
import { planSnapshotApply } from '../../src/engine/operations/snapshotApply.ts';
import { planSnapshotCreate } from '../../src/engine/operations/snapshotCreate.ts';
import { planSnapshotDelete } from '../../src/engine/operations/snapshotDelete.ts';
import { findSnapshot } from '../../src/engine/operations/snapshotEntries.ts';
import { type ImageStorage, noProgress } from '../../src/engine/ports.ts';
import { openToChange } from '../../src/platform/changeFile.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { journalBeside } from '../../src/platform/journalFile.ts';
import { judge, type Verdict } from '../crash/judge.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** What is done to the snapshots of an image. */
export interface SnapshotAction {
  readonly verb: 'create' | 'apply' | 'delete';
  readonly name: string;
}

/** Plans an action with our engine. */
export async function plannedByUs(file: ImageStorage, { verb, name }: SnapshotAction): Promise<ChangeSet> {
  const image = await openImage(file);
  const from = await file.state();
  if (verb === 'create') {
    const options = { name: Buffer.from(name), date: { seconds: 1_700_000_000, nanoseconds: 5 } };
    return planSnapshotCreate(image, file, from, options, noProgress);
  }
  assert.ok(image.header);
  const found = findSnapshot(await readSnapshots(file, image.header), Buffer.from(name), 'name');
  assert.ok(found, `there is a snapshot ${name}`);
  const plan = verb === 'apply' ? planSnapshotApply : planSnapshotDelete;
  return plan(image, file, from, { index: found.index }, noProgress);
}

/** Does an action with our engine. */
export async function doneByUs(path: string, action: SnapshotAction): Promise<void> {
  const file = await openToChange(path);
  try {
    const change = await plannedByUs(file, action);
    assert.equal(change.protection, undefined, 'snapshots never need the journal');
    await apply(change, file, journalBeside(path, undefined), { keepUndo: false, progress: noProgress });
  } finally {
    await file.close();
  }
}

/** Does an action with qemu-img. */
export async function doneByQemu(path: string, { verb, name }: SnapshotAction): Promise<void> {
  await qemuImg(['snapshot', { create: '-c', apply: '-a', delete: '-d' }[verb], name, path]);
}

/** What qemu-img tells of an image. */
export interface Told {
  /** `info`, without what is of the file and of the time. */
  readonly info: unknown;
  readonly map: unknown;
}

/** Asks qemu-img about an image. */
export async function toldByQemu(path: string): Promise<Told> {
  const { filename: _, 'actual-size': _blocks, snapshots, ...info } = await infoOf(path);
  const dated = ['date-sec', 'date-nsec'];
  const listed = snapshots?.map((one) => Object.entries(one).filter(([member]) => !dated.includes(member)));
  return { info: { ...info, snapshots: listed }, map: JSON.parse(await qemuImg(['map', '--output=json', path])) };
}

/** As far as it is looked at here. */
interface Info {
  readonly snapshots?: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
  readonly [member: string]: unknown;
}

async function infoOf(path: string): Promise<Info> {
  return JSON.parse(await qemuImg(['info', '--output=json', path])) as Info;
}

/** Has qemu-img check an image, which must be in order: not even clusters may be leaked. */
export async function requireClean(path: string, what: string): Promise<void> {
  const { code, stdout, stderr } = await runProgram('qemu-img', ['check', path]);
  assert.equal(code, 0, `${what}: qemu-img check: ${stdout}${stderr}`);
}

/** Digests of the guest's bytes as qemu-img reads them: of the active layer (`''`), and of each snapshot by name. */
export async function guestOf(path: string): Promise<Map<string, string>> {
  const guest = new Map([['', await digest(path, [])]]);
  for (const { name } of (await infoOf(path)).snapshots ?? []) {
    guest.set(name, await digest(path, ['-l', `snapshot.name=${name}`]));
  }
  return guest;
}

/** What our own reader finds in an image; faster than qemu-img where it is asked often. */
export async function judged(path: string): Promise<Verdict> {
  const storage = await openFile(path);
  try {
    return await judge(storage);
  } finally {
    await storage.close();
  }
}

async function digest(path: string, options: readonly string[]): Promise<string> {
  const raw = `${path}.raw`;
  await qemuImg(['convert', '-f', 'qcow2', '-O', 'raw', ...options, path, raw]);
  const bytes = readFileSync(raw);
  rmSync(raw);
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Commands of qemu-io on an image; all of them must succeed. */
export async function written(path: string, commands: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runProgram('qemu-io', [
    '-f',
    'qcow2',
    ...commands.flatMap((command) => ['-c', command]),
    path,
  ]);
  assert.ok(code === 0 && !/failed|error/i.test(stdout + stderr), `qemu-io ${commands.join(', ')}: ${stdout}${stderr}`);
}
