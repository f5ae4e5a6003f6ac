import { Qcow2Error } from '../error.ts';
import { showSize } from '../format/show.ts';
import type { FileState, ImageStorage, JournalPlace, Progress } from '../ports.ts';
import { type ByteWrite, type ChangeSet, isEmpty, type Step, sectorSize } from './changeSet.ts';
import { cutDataFile, growDataFile, lengthsOf } from './dataFile.ts';
import { Draft } from './draft.ts';
import { JournalWriter, openJournal } from './journal.ts';
import { mostRecorded, sectorSums } from './journalFormat.ts';
import { rollBack } from './rollback.ts';
import { ceilSector, type SectorRun, sectorRuns } from './sectors.ts';

/** How a change is applied. */
export interface ApplyOptions {
  /** Whether the journal stays, so that the change can be undone. */
  readonly keepUndo: boolean;
  /** Reports bytes; a cancelled change is rolled back. */
  readonly progress: Progress;
  /** The image's external data file, of a change that has something become of it. */
  readonly dataFile?: ImageStorage;
  /** Called before the first byte of the image is written, when nothing is known to keep it from being. */
  readonly begun?: () => Promise<void>;
}

/** A step whose sectors are known; those of a stream come one by one. */
interface Prepared {
  readonly step: Step;
  readonly runs: readonly SectorRun[];
}

/**
 * Applies a change. Before the first byte of the image changes, what the change overwrites is in the journal and on the
 * disk. If anything fails, or `progress` cancels, the image is rolled back to what it was, and the error is thrown.
 *
 * A change that writes nothing leaves the journal of the one before, which can still be undone.
 *
 * Throws `changed-since` where the file is not what the change was planned for, `journal-exists`, `write-failed`.
 */
export async function apply(
  change: ChangeSet,
  file: ImageStorage,
  place: JournalPlace,
  { keepUndo, progress, dataFile, begun }: ApplyOptions,
): Promise<void> {
  requireSame(change.from, await file.state());
  requirePorts(change, file, dataFile);
  if (isEmpty(change)) {
    return;
  }
  const journal = await JournalWriter.create(place);
  let written: Written;
  try {
    written = await writeJournal(change, file, journal, progress);
    const lengths = change.dataFile && dataFile && (await lengthsOf(change.dataFile, dataFile, keepUndo));
    if (dataFile && lengths && lengths.after < lengths.before) {
      await recordCut(dataFile, lengths.after, journal, true);
    }
    await requireRoom(file, written.grown);
    await begun?.();
    requireSame(change.from, await file.state());
    const { title, from: before } = change;
    await journal.begin({ before, sizeAfter: written.sizeAfter, title, ...(lengths && { dataFile: lengths }) });
  } catch (error) {
    await journal.discard();
    throw error;
  }
  try {
    await writeAll(change, written, file, { keepUndo, progress, ...(dataFile && { dataFile }) });
  } catch (error) {
    await journal.leave();
    await takeBack(file, place, error, dataFile);
    throw error;
  }
  if (keepUndo) {
    await journal.complete(await file.state());
  } else {
    await journal.discard();
    await giveUp(change, file, dataFile);
  }
}

/** Writes a change: the data file is made longer first, and shorter last, if its end is in the journal. */
async function writeAll(
  { dataFile: wanted }: ChangeSet,
  written: Written,
  file: ImageStorage,
  { keepUndo, progress, dataFile }: ApplyOptions,
): Promise<void> {
  if (wanted && dataFile) {
    await growDataFile(wanted, dataFile, progress);
  }
  await writeSteps(written, file, progress);
  if (keepUndo && wanted && dataFile) {
    await cutDataFile(wanted, dataFile);
  }
}

/** What nobody can want back any more: the tail of the data file, and the blocks of clusters that are free now. */
async function giveUp(
  { dataFile: wanted, freed }: ChangeSet,
  file: ImageStorage,
  dataFile: ImageStorage | undefined,
): Promise<void> {
  if (wanted && dataFile) {
    await cutDataFile(wanted, dataFile);
  }
  for (const { offset, length } of freed?.() ?? []) {
    await file.discard?.(offset, length);
  }
}

/** Throws where a change needs what the files don't have: before anything happens. */
function requirePorts({ steps, dataFile: wanted }: ChangeSet, file: ImageStorage, dataFile?: ImageStorage): void {
  if (wanted && !dataFile) {
    throw new Qcow2Error('bad-argument', 'The external data file changes with the image: it must be opened too.');
  }
  const allocates = steps.some(({ allocation }) => allocation !== undefined) && !file.allocate;
  if (allocates || (wanted && wanted.blocks !== 'sparse' && !dataFile?.allocate)) {
    throw new Qcow2Error(
      'not-supported',
      'Blocks can’t be allocated for this file. Use preallocation=metadata or off.',
      {
        system: 'EOPNOTSUPP',
      },
    );
  }
}

/** What the journal was written for. */
interface Written {
  readonly steps: readonly Prepared[];
  readonly sizeAfter: bigint;
  /** Bytes that will be written past the end of the file. */
  readonly grown: bigint;
  /** All bytes that will be written. */
  readonly bytes: number;
}

async function writeJournal(
  change: ChangeSet,
  file: ImageStorage,
  journal: JournalWriter,
  progress: Progress,
): Promise<Written> {
  const steps: Prepared[] = [];
  // The file as the steps so far leave it.
  const view = new Draft(file);
  const sizeBefore = change.from.size;
  let size = sizeBefore;
  let bytes = 0;
  let grown = 0n;
  const record = async (run: SectorRun): Promise<void> => {
    const end = run.at + BigInt(run.bytes.length);
    for (const part of recordsOf(run)) {
      await journal.add({
        at: part.at,
        before: await bytesBefore(file, part),
        after: sectorSums(part.bytes),
        inDataFile: false,
      });
    }
    size = end > size ? end : size;
    bytes += run.bytes.length;
    grown += end > sizeBefore ? end - (run.at > sizeBefore ? run.at : sizeBefore) : 0n;
    await progress.step(0, 0);
  };
  for (const step of change.steps) {
    if (step.allocation) {
      const end = step.allocation.at + step.allocation.length;
      size = end > size ? end : size;
      grown += step.allocation.length;
    }
    const runs = await runsOf(step, view);
    for (const run of runs) {
      await record(run);
      await view.write(run.structure, run.at, run.bytes);
    }
    if (step.stream) {
      for await (const write of step.stream()) {
        requireSectors(write);
        await record(write);
      }
    }
    if (step.fileSize !== undefined) {
      await recordCut(file, step.fileSize, journal, false);
      view.resize(step.fileSize);
      size = step.fileSize;
    }
    steps.push({ step, runs });
  }
  return { steps, sizeAfter: size, grown, bytes };
}

/** A run as parts, each for a record of the journal, which can't be read back where it is longer. */
function* recordsOf({ structure, at, bytes }: SectorRun): Generator<SectorRun> {
  for (let done = 0; done < bytes.length; done += mostRecorded) {
    yield { structure, at: at + BigInt(done), bytes: bytes.subarray(done, done + mostRecorded) };
  }
}

/** A record of the journal is of whole sectors: a stream that writes others is a defect of the operation. */
function requireSectors({ structure, at, bytes }: ByteWrite): void {
  if (at % BigInt(sectorSize) !== 0n || bytes.length % sectorSize !== 0) {
    throw new Error(`Streams write whole sectors, and this one ${bytes.length} bytes at ${at} (${structure})`);
  }
}

/** The sectors of a step's edits, as far as the file reaches then. */
async function runsOf({ edits }: Step, view: Draft): Promise<SectorRun[]> {
  const end = edits.reduce((last, { at, bytes }) => {
    const stop = at + BigInt(bytes.length);
    return stop > last ? stop : last;
  }, view.size);
  const runs = await sectorRuns(edits, view);
  return runs.map((run) => ({ ...run, bytes: run.bytes.subarray(0, Number(least(end - run.at, run.bytes.length))) }));
}

async function bytesBefore(file: ImageStorage, { at, bytes }: SectorRun): Promise<Uint8Array> {
  const left = file.size - at;
  const before = new Uint8Array(
    left <= 0n ? 0 : Number(least(left, Math.ceil(bytes.length / sectorSize) * sectorSize)),
  );
  await file.read(at, before);
  return before;
}

/** What the file loses when it is cut: its data, but not the holes. */
async function recordCut(file: ImageStorage, end: bigint, journal: JournalWriter, inDataFile: boolean): Promise<void> {
  const extents = file.extents?.(end, file.size) ?? [{ offset: end, length: file.size - end, data: true }];
  for (const { offset, length, data } of extents) {
    for (let done = 0n; data && done < length; done += BigInt(mostRecorded)) {
      const from = offset + done;
      const at = from - (from % BigInt(sectorSize));
      const before = new Uint8Array(
        Number(least(file.size - at, Number(least(from - at + length - done, mostRecorded)))),
      );
      await file.read(at, before);
      if (before.some((byte) => byte !== 0)) {
        const kept = new Uint8Array(Number(ceilSector(BigInt(before.length))));
        // The sector in which the cut is keeps its beginning.
        kept.set(before.subarray(0, at < end ? Number(end - at) : 0));
        await journal.add({ at, before, after: sectorSums(kept), inDataFile });
      }
    }
  }
}

async function writeSteps({ steps, bytes: total }: Written, file: ImageStorage, progress: Progress): Promise<void> {
  let done = 0;
  const write = async ({ at, bytes }: SectorRun): Promise<void> => {
    await file.write(at, bytes);
    done += bytes.length;
    await progress.step(done, total);
  };
  for (const { step, runs } of steps) {
    if (step.allocation) {
      const { at, length, written } = step.allocation;
      await file.allocate?.(at, length, written, progress);
    }
    for (const run of runs) {
      await write(run);
    }
    if (step.stream) {
      for await (const run of step.stream()) {
        await write(run);
      }
    }
    if (step.fileSize !== undefined) {
      await file.resize(step.fileSize);
    }
    await file.flush();
  }
}

/** Rolls back what failed. Where that fails too, the journal stays, and the error says so. */
async function takeBack(
  file: ImageStorage,
  place: JournalPlace,
  why: unknown,
  dataFile: ImageStorage | undefined,
): Promise<void> {
  try {
    const found = await openJournal(place);
    if (found === 'none' || found === 'void') {
      throw new Qcow2Error('damaged', `The rollback journal ${place.path} can't be read.`);
    }
    await rollBack(found, file, dataFile && { dataFile });
    await found.file.close();
    await place.remove(true);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const first = why instanceof Error ? why.message : String(why);
    throw new Qcow2Error(
      'write-failed',
      `${first} Rolling back failed too: ${reason} The journal ${place.path} is kept: run "recover" when the cause is gone.`,
    );
  }
}

/** Throws `changed-since` where a file is not what it was. */
export function requireSame(planned: FileState, now: FileState): void {
  const { identity, size, modified, changed } = planned;
  if (identity !== now.identity || size !== now.size || modified !== now.modified || changed !== now.changed) {
    throw new Qcow2Error(
      'changed-since',
      'The image has changed since the change was planned. Nothing was written. Plan it again.',
    );
  }
}

async function requireRoom(file: ImageStorage, grown: bigint): Promise<void> {
  const free = await file.free?.();
  if (free !== undefined && grown > free) {
    throw new Qcow2Error(
      'write-failed',
      `No space left on device: the change takes ${showSize(grown)} more, and ${showSize(free)} are free. Nothing was written.`,
      { system: 'ENOSPC' },
    );
  }
}

function least(a: bigint, b: number): bigint {
  return a < BigInt(b) ? a : BigInt(b);
}
