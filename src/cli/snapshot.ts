import type { ChangeSet } from '../engine/change/changeSet.ts';
import { Qcow2Error, systemText } from '../engine/error.ts';
import type { Snapshot } from '../engine/format/snapshots.ts';
import type { Image } from '../engine/image/image.ts';
import { readSnapshots } from '../engine/image/snapshotTable.ts';
import { planSnapshotApply } from '../engine/operations/snapshotApply.ts';
import { planSnapshotCreate } from '../engine/operations/snapshotCreate.ts';
import { planSnapshotDelete } from '../engine/operations/snapshotDelete.ts';
import { findSnapshot, longestSnapshotName } from '../engine/operations/snapshotEntries.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { changeImage, openForWriting, type Target } from './change.ts';
import { type ChangeArguments, changeArguments, changeOptions } from './changeOptions.ts';
import { couldNotOpen } from './imageFile.ts';
import { snapshotInfos } from './imageInfo.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { snapshotLines } from './infoText.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { warnOfProbing } from './probing.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'list', short: 'l' },
  { long: 'apply', short: 'a', value: true },
  { long: 'create', short: 'c', value: true },
  { long: 'delete', short: 'd', value: true },
  { long: 'format', short: 'f', value: true },
  { long: 'quiet', short: 'q' },
  { long: 'force-share', short: 'U' },
  ...sourceOptions,
  ...changeOptions,
];

/** What can be done; one of them at a time. */
const actions = ['list', 'apply', 'create', 'delete'] as const;

/** What an action is done to. */
interface Task {
  readonly source: ImageSource;
  /** The snapshot as given on the command line. */
  readonly snapshot: string;
  readonly options: ChangeArguments;
}

/** `qcow2 snapshot`: qemu-img's verb. It opens nothing but the image, neither backing file nor LUKS key. */
export async function snapshot(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  return withSources(read, out, (sourceOf) => run(read, sourceOf, out));
}

async function run(read: Arguments, sourceOf: (operand: string) => ImageSource, out: Output): Promise<number> {
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('snapshot'));
    return 0;
  }
  const given = read.given.filter(({ name }) => actions.some((action) => action === name));
  const action = actions.find((name) => name === given[0]?.name);
  if (given.length > 1) {
    throw usageFailure("Cannot mix '-l', '-a', '-c', '-d'");
  }
  const [file] = read.operands;
  if (file === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (action !== 'list' && value('force-share') !== undefined) {
    throw couldNotOpen(file, 'force-share=on can only be used with read-only images');
  }
  const task = { source: sourceOf(file), snapshot: given[0]?.value ?? '', options: changeArguments(read) };
  switch (action) {
    case 'list':
      await list(task, out);
      break;
    case 'create':
      await create(task, out);
      break;
    case 'apply':
      await apply(task, out);
      break;
    case 'delete':
      await remove(task, out);
      break;
    case undefined:
      // qemu-img opens the image, which may be refused, and does nothing.
      await openAndClose(task.source);
  }
  return 0;
}

async function openAndClose(source: ImageSource): Promise<void> {
  const { path, storage, format, probed } = await source.open('change');
  await storage.close();
  if (format === 'raw' && probed) {
    warnOfProbing(path);
  }
  const file = await openForWriting(source.name, path);
  await file.close();
}

async function list({ source }: Task, out: Output): Promise<void> {
  const opened = await source.open('info');
  try {
    out.text(
      snapshotLines(await snapshotInfos(opened))
        .map((line) => `${line}\n`)
        .join(''),
    );
  } finally {
    await opened.storage.close();
  }
}

/** Numbers of the system's codes, as qemu-img prints them here. */
const systemNumbers: Readonly<Record<string, number>> = { EINVAL: 22, EFBIG: 27, EOPNOTSUPP: 95 };

async function create(task: Task, out: Output): Promise<void> {
  const failure = (why: string): Failure =>
    new Failure(`Could not create snapshot '${bytesOfText(task.snapshot)}': ${why}`);
  const now = Date.now();
  const options = {
    // qemu-img cuts it too.
    name: Buffer.from(task.snapshot).subarray(0, longestSnapshotName),
    date: { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 },
  };
  await change(task, out, {
    plan: ({ image, storage, from }) => planSnapshotCreate(image, storage, from, options, noProgress),
    failureOf: ({ code, system, message }) => {
      const number = code === 'write-failed' ? undefined : systemNumbers[system ?? ''];
      return failure(number === undefined ? bytesOfText(message) : `-${number} (${systemText(system)})`);
    },
    rawFailure: () => failure('-95 (Operation not supported)'),
  });
}

async function apply(task: Task, out: Output): Promise<void> {
  const failure = (why: string): Failure =>
    new Failure(`Could not apply snapshot '${bytesOfText(task.snapshot)}': ${why}`);
  await change(task, out, {
    plan: async ({ image, storage, from }) => {
      const found = findSnapshot(await snapshotsOf(image), Buffer.from(task.snapshot), 'id-or-name');
      return planSnapshotApply(image, storage, from, { index: found?.index ?? -1 }, noProgress);
    },
    failureOf: ({ code, system, message }) => {
      if (system === undefined || code === 'write-failed') {
        return failure(bytesOfText(message));
      }
      if (system === 'EBUSY') {
        return failure('Device has active dirty bitmaps');
      }
      const { message: loading } = failure(`Failed to load snapshot: ${systemText(system)}`);
      // That the disk can't get another size is told in a line of its own.
      return new Failure(code === 'refused' ? `${message}\n${programName}: ${loading}` : loading);
    },
    rawFailure: () => failure('Block driver does not support snapshots'),
  });
}

async function remove(task: Task, out: Output): Promise<void> {
  const failure = (why: string): Failure =>
    new Failure(`Could not delete snapshot '${bytesOfText(task.snapshot)}': ${why}`);
  const notFound = (): Failure => failure('snapshot not found');
  await change(task, out, {
    plan: async ({ image, storage, from }) => {
      const found = findSnapshot(await snapshotsOf(image), Buffer.from(task.snapshot), 'name');
      if (!found) {
        throw notFound();
      }
      return planSnapshotDelete(image, storage, from, { index: found.index }, noProgress);
    },
    failureOf: ({ message }) => failure(bytesOfText(message)),
    rawFailure: notFound,
  });
}

/** How an action is planned, and how it is told that it can't be. */
interface Action {
  readonly plan: (target: Target) => Promise<ChangeSet>;
  /** QEMU's words where it has any. */
  readonly failureOf: (error: Qcow2Error) => Failure;
  readonly rawFailure: () => Failure;
}

async function change({ source, options }: Task, out: Output, action: Action): Promise<void> {
  try {
    await changeImage(source, options, out, action.plan, { rawFailure: action.rawFailure });
  } catch (error) {
    throw error instanceof Qcow2Error ? action.failureOf(error) : error;
  }
}

async function snapshotsOf({ storage, header }: Image): Promise<readonly Snapshot[]> {
  return header ? readSnapshots(storage, header) : [];
}
