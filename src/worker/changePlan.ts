import type { Preview, PreviewWrite } from '../engine/change/preview.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { JournalPlace } from '../engine/ports.ts';
import { openToChange } from '../platform/changeFile.ts';
import { requireJournalRoom } from '../platform/journalFile.ts';
import type { ChangePlan, PlanWrite } from '../protocol/changeApi.ts';
import type { PlannedChange } from './plannedChange.ts';

/** Bytes of a write that the page gets with the plan. */
const lineBytes = 16;

/** Bytes a second that a disk is taken to read or write, and seconds that it is taken to need for a flush. */
const diskRate = 200e6;
const flushTime = 0.02;

/** A plan as the page gets it: the first changed bytes of each write, and what is in the way of applying it now. */
export async function changePlan(
  path: string,
  { preview, rollsBack, dataFile }: PlannedChange,
  place: JournalPlace,
): Promise<ChangePlan> {
  const obstacles: string[] = [];
  const tell = (error: unknown): void => {
    if (!(error instanceof Qcow2Error)) {
      throw error;
    }
    obstacles.push(error.message);
  };
  let locks = true;
  for (const file of dataFile === undefined ? [path] : [path, dataFile]) {
    try {
      locks = (await canLock(file)) && locks;
    } catch (error) {
      tell(error);
    }
  }
  if (!rollsBack) {
    try {
      requireJournalRoom(path, place, preview.bytes);
    } catch (error) {
      tell(error);
    }
  }
  return {
    ...preview,
    steps: preview.steps.map((step) => ({ ...step, writes: step.writes.map(planWrite) })),
    seconds: secondsOf(preview),
    locks,
    journal: place.path,
    rollsBack,
    obstacles,
  };
}

/** Opens a file to be changed, and gives it back at once. Throws what Apply would meet: `in-use`, `write-failed`. */
async function canLock(path: string): Promise<boolean> {
  const file = await openToChange(path);
  await file.close();
  return file.locked;
}

/**
 * Every byte is read, written to the journal and written; zeros that are only to take space are written; each step, and
 * three times the journal, is flushed.
 */
function secondsOf({ bytes, steps }: Preview): number {
  const zeros = steps.reduce((sum, { allocation }) => sum + (allocation?.written ? allocation.length : 0n), 0n);
  return (3 * Number(bytes) + Number(zeros)) / diskRate + (steps.length + 3) * flushTime;
}

function planWrite({ structure, at, length, before, after, fields }: PreviewWrite): PlanWrite {
  const first = Math.max(
    0,
    after.findIndex((byte, index) => byte !== before[index]),
  );
  const from = first - (first % lineBytes);
  const cut = (bytes: Uint8Array): Uint8Array => bytes.slice(from, from + lineBytes);
  return { structure, at, length, fields, line: { at: at + BigInt(from), before: cut(before), after: cut(after) } };
}
