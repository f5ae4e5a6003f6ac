import { headerFields } from '../format/header.ts';
import { showValue } from '../format/rows.ts';
import { noProgress, type Progress, type Storage } from '../ports.ts';
import type { Allocation, ByteWrite, ChangeSet, DataFileChange, Step } from './changeSet.ts';
import { Draft } from './draft.ts';

/** Bytes of one write that a preview shows at most; `length` tells how many there are. */
export const mostShown = 4096;

/** Writes of one step that a preview shows at most; `writeCount` tells how many there are. */
export const mostWrites = 1000;

/** A change as it is shown before it is applied: bytes as they are and as they will be. */
export interface Preview {
  readonly title: string;
  readonly cautions: readonly string[];
  readonly protection?: ChangeSet['protection'];
  readonly steps: readonly PreviewStep[];
  /** Bytes that are written in all, and how long the file is before and after. */
  readonly bytes: bigint;
  readonly sizeBefore: bigint;
  readonly sizeAfter: bigint;
  readonly dataFile?: DataFileChange;
}

/** A step of it. */
export interface PreviewStep {
  readonly says: string;
  /** The first ones. */
  readonly writes: readonly PreviewWrite[];
  readonly writeCount: number;
  readonly bytes: bigint;
  readonly fileSize?: bigint;
  readonly allocation?: Allocation;
}

/** What a write changes. */
export interface PreviewWrite {
  readonly structure: string;
  /** Host offset in bytes. */
  readonly at: bigint;
  /** Bytes that are written. */
  readonly length: number;
  /** The first ones, as they are and as they will be. Shorter where the file ends before. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** The fields of the header that change. */
  readonly fields: readonly PreviewField[];
}

/** A field that changes, as shown. */
export interface PreviewField {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Looks through a change without applying it. Reads what it overwrites, and what its streams are made from.
 *
 * @param progress - is told of every write; throws `cancelled` where it wants no preview any more
 */
export async function previewOf(change: ChangeSet, file: Storage, progress: Progress = noProgress): Promise<Preview> {
  const view = new Draft(file);
  const steps: PreviewStep[] = [];
  const { title, cautions, protection, from, dataFile } = change;
  let sizeAfter = from.size;
  const reach = (end: bigint): void => {
    sizeAfter = end > sizeAfter ? end : sizeAfter;
  };
  const each = async (end: bigint): Promise<void> => {
    reach(end);
    await progress.step(0, 0);
  };
  for (const step of change.steps) {
    steps.push(await previewStep(step, view, each));
    for (const { structure, at, bytes } of step.edits) {
      await view.write(structure, at, bytes);
    }
    if (step.allocation) {
      reach(step.allocation.at + step.allocation.length);
    }
    if (step.fileSize !== undefined) {
      view.resize(step.fileSize);
      sizeAfter = step.fileSize;
    }
  }
  return {
    title,
    cautions,
    ...(protection && { protection }),
    steps,
    bytes: steps.reduce((sum, step) => sum + step.bytes, 0n),
    sizeBefore: from.size,
    sizeAfter,
    ...(dataFile && { dataFile }),
  };
}

/** `each`: is told where each write ends, a host offset in bytes. */
async function previewStep(step: Step, view: Draft, each: (end: bigint) => Promise<void>): Promise<PreviewStep> {
  const writes: PreviewWrite[] = [];
  let writeCount = 0;
  let bytes = 0n;
  const add = async (write: ByteWrite): Promise<void> => {
    writeCount++;
    bytes += BigInt(write.bytes.length);
    await each(write.at + BigInt(write.bytes.length));
    if (writes.length < mostWrites) {
      writes.push(await previewWrite(write, view));
    }
  };
  for (const write of step.edits) {
    await add(write);
  }
  if (step.stream) {
    for await (const write of step.stream()) {
      await add(write);
    }
  }
  const { says, fileSize, allocation } = step;
  return {
    says,
    writes,
    writeCount,
    bytes,
    ...(fileSize === undefined ? {} : { fileSize }),
    ...(allocation && { allocation }),
  };
}

/**
 * What a write changes.
 *
 * @param view - the file as it is before
 */
export async function previewWrite(
  { structure, at, bytes }: ByteWrite,
  view: Pick<Storage, 'read'>,
): Promise<PreviewWrite> {
  const after = bytes.slice(0, mostShown);
  const before = new Uint8Array(after.length);
  const read = await view.read(at, before);
  const fields = structure === 'header' ? changedFields(at, before, after) : [];
  return { structure, at, length: bytes.length, before: before.subarray(0, read), after, fields };
}

function changedFields(at: bigint, before: Uint8Array, after: Uint8Array): PreviewField[] {
  return headerFields.flatMap((field) => {
    const start = field.offset - Number(at);
    if (start < 0 || start + field.width > after.length) {
      return [];
    }
    const [old, now] = [before, after].map((bytes) => bigEndian(bytes.subarray(start, start + field.width)));
    return old === undefined || now === undefined || old === now
      ? []
      : [{ name: field.name, before: showValue(field.kind, old), after: showValue(field.kind, now) }];
  });
}

function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}
