import { execFile } from 'node:child_process';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { apply } from '../../src/engine/change/apply.ts';
import type { ChangeSet } from '../../src/engine/change/changeSet.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { planAmend } from '../../src/engine/operations/amend.ts';
import { planRebase } from '../../src/engine/operations/rebase.ts';
import { planResize } from '../../src/engine/operations/resize.ts';
import { planSnapshotCreate } from '../../src/engine/operations/snapshotCreate.ts';
import { planSnapshotDelete } from '../../src/engine/operations/snapshotDelete.ts';
import { type FileState, noProgress, type Storage } from '../../src/engine/ports.ts';
import { openToChange } from '../../src/platform/changeFile.ts';
import { journalBeside } from '../../src/platform/journalFile.ts';
import { qemuImg } from '../support/qemu.ts';
import { peakMemoryOf, timeProcess } from './processRun.ts';
import { type Sample, sample, shownTime } from './statistics.ts';

/** A change that is timed. IMAGE stands for the path. */
interface TimedChange {
  readonly name: string;
  /** The words for both programs. */
  readonly words: readonly string[];
  /** The image before: of version 3, of version 2, with a snapshot, or none. */
  readonly on: 'version 3' | 'version 2' | 'snapshot' | 'nothing';
  plan?(image: Image, storage: Storage, from: FileState): Promise<ChangeSet>;
  /** What the issue asks: ours : qemu-img's. */
  readonly goal: string;
}

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const never = { seconds: 0, nanoseconds: 0 };

const changes: readonly TimedChange[] = [
  {
    name: 'create, preallocation=metadata',
    words: ['create', '-q', '-f', 'qcow2', '-o', 'preallocation=metadata', 'IMAGE', '1T'],
    on: 'nothing',
    goal: 'process ≤ 0.5 : 1',
  },
  {
    name: 'snapshot create',
    words: ['snapshot', '-c', 'one', 'IMAGE'],
    on: 'version 3',
    plan: (image, storage, from) =>
      planSnapshotCreate(image, storage, from, { name: bytes('one'), date: never }, noProgress),
    goal: 'process ≤ 0.5 : 1',
  },
  {
    name: 'snapshot delete',
    words: ['snapshot', '-d', 'one', 'IMAGE'],
    on: 'snapshot',
    plan: (image, storage, from) => planSnapshotDelete(image, storage, from, { index: 0 }, noProgress),
    goal: 'process ≤ 0.5 : 1',
  },
  {
    name: 'upgrade to compat 1.1',
    words: ['amend', '-o', 'compat=1.1', 'IMAGE'],
    on: 'version 2',
    plan: (image, storage, from) => planAmend(image, storage, from, { compat: '1.1' }, noProgress),
    goal: 'in-process ≤ 1 : 1, command ≤ 150 ms',
  },
  {
    name: 'downgrade to compat 0.10',
    words: ['amend', '-o', 'compat=0.10', 'IMAGE'],
    on: 'version 3',
    plan: (image, storage, from) => planAmend(image, storage, from, { compat: '0.10' }, noProgress),
    goal: 'in-process ≤ 1 : 1, command ≤ 150 ms',
  },
  {
    name: 'resize to 2 TiB',
    words: ['resize', '-q', 'IMAGE', '2T'],
    on: 'version 3',
    plan: (image, storage, from) =>
      planResize(image, storage, from, { size: 2n ** 41n, shrink: false, preallocation: 'off' }, noProgress),
    goal: 'in-process ≤ 1 : 1, command ≤ 150 ms',
  },
  {
    name: 'rebase -u',
    words: ['rebase', '-u', '-b', 'base.raw', '-F', 'raw', 'IMAGE'],
    on: 'version 3',
    plan: (image, storage, from) => planRebase(image, storage, from, { name: bytes('base.raw'), format: bytes('raw') }),
    goal: 'in-process ≤ 1 : 1, command ≤ 150 ms',
  },
];

/** What was measured of one change. */
export interface MeasuredChange {
  readonly name: string;
  readonly goal: string;
  /** Milliseconds: planned and applied in a process that has done so before; whole processes. */
  readonly inProcess: Sample | undefined;
  readonly ours: Sample;
  readonly theirs: Sample;
  /** Bytes. */
  readonly memory: number;
}

/** Measures changes of a disk of 1 TiB with preallocated metadata, the journal on: `runs` times each, by turns. */
export async function measureChanges(
  cli: string,
  base: string,
  folder: string,
  runs: number,
): Promise<MeasuredChange[]> {
  const images = await makeImages(base, folder);
  const work = join(folder, 'work.qcow2');
  const measured: MeasuredChange[] = [];
  for (const change of changes) {
    console.error(`${change.name} …`);
    const words = change.words.map((word) => (word === 'IMAGE' ? work : word));
    const fresh = (): Promise<void> => renew(images, change.on, work);
    const ours: number[] = [];
    const theirs: number[] = [];
    const inProcess: number[] = [];
    for (let run = 0; run < runs; run++) {
      await fresh();
      ours.push(await timeProcess([process.execPath, cli, ...words]));
      await fresh();
      theirs.push(await timeProcess(['qemu-img', ...words]));
      if (change.plan) {
        await fresh();
        inProcess.push(await timeInProcess(work, change.plan));
      }
    }
    await fresh();
    const memory = await peakMemoryOf(cli, words);
    // The first time in a process is that of a program that has not warmed up.
    const warm = inProcess.length > 1 ? inProcess.slice(1) : inProcess;
    const { name, goal } = change;
    measured.push({
      name,
      goal,
      inProcess: warm.length === 0 ? undefined : sample(warm),
      ours: sample(ours),
      theirs: sample(theirs),
      memory,
    });
  }
  await rm(work, { force: true });
  return measured;
}

async function timeInProcess(path: string, plan: NonNullable<TimedChange['plan']>): Promise<number> {
  const started = performance.now();
  const file = await openToChange(path);
  try {
    const change = await plan(await openImage(file), file, await file.state());
    await apply(change, file, journalBeside(path), { keepUndo: false, progress: noProgress });
    return performance.now() - started;
  } finally {
    await file.close();
  }
}

/** The images before the changes, made by qemu-img. */
async function makeImages(base: string, folder: string): Promise<ReadonlyMap<TimedChange['on'], string>> {
  const older = join(folder, 'version2.qcow2');
  const snapshot = join(folder, 'snapshot.qcow2');
  await derive(base, older, ['amend', '-o', 'compat=0.10']);
  await derive(base, snapshot, ['snapshot', '-c', 'one']);
  return new Map([
    ['version 3', base],
    ['version 2', older],
    ['snapshot', snapshot],
  ]);
}

async function derive(base: string, path: string, words: readonly string[]): Promise<void> {
  if (await stat(path).catch(() => undefined)) {
    return;
  }
  await copySparse(base, `${path}.draft`);
  await qemuImg([...words, `${path}.draft`]);
  await rename(`${path}.draft`, path);
}

/** Puts the image before a change in its place, and lets the disk come to rest. */
async function renew(
  images: ReadonlyMap<TimedChange['on'], string>,
  on: TimedChange['on'],
  work: string,
): Promise<void> {
  await rm(work, { force: true });
  const image = images.get(on);
  if (image) {
    await copySparse(image, work);
  }
  await promisify(execFile)('sync');
}

async function copySparse(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['--sparse=always', from, to]);
}

/** The measurements as a table in Markdown. */
export function changesTable(measured: readonly MeasuredChange[]): string {
  const ratio = (one: Sample | undefined, other: Sample): string =>
    one === undefined ? '' : `${(one.median / other.median).toFixed(2)} : 1`;
  const rows = measured.map(({ name, goal, inProcess, ours, theirs, memory }) => [
    name,
    inProcess === undefined ? '' : shownTime(inProcess),
    shownTime(ours),
    shownTime(theirs),
    ratio(inProcess, theirs),
    ratio(ours, theirs),
    `${Math.round(memory / 2 ** 20)} MiB`,
    goal,
  ]);
  const head = [
    'Change of 1 TiB',
    'Ours, in-process',
    'Ours, process',
    'qemu-img, process',
    'in-process : qemu-img',
    'process : qemu-img',
    'Peak memory',
    'Goal',
  ];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
