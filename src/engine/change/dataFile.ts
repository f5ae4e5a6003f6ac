import { showSize } from '../format/show.ts';
import type { ImageStorage, Progress } from '../ports.ts';
import type { DataFileChange } from './changeSet.ts';
import type { DataFileLengths } from './journalFormat.ts';

/** Bytes that are looked at at once. */
const chunk = 2 ** 16;

/**
 * The lengths that the journal remembers; undefined where the data file keeps its own, or is cut when nobody can undo it
 * any more.
 */
export async function lengthsOf(
  { size, cut }: DataFileChange,
  file: ImageStorage,
  keepUndo: boolean,
): Promise<DataFileLengths | undefined> {
  const { size: before } = await file.state();
  const changes = before < size || (before > size && cut && keepUndo && file.fixedSize !== true);
  return changes ? { before, after: size } : undefined;
}

/** Makes an external data file as long as a change wants it, if it is shorter. */
export async function growDataFile(
  { size, blocks }: DataFileChange,
  file: ImageStorage,
  progress: Progress,
): Promise<void> {
  const { size: before } = await file.state();
  if (before >= size) {
    return;
  }
  await file.resize(size);
  if (blocks !== 'sparse') {
    await file.allocate?.(before, size - before, blocks === 'written', progress);
  }
  await file.flush();
}

/** Cuts an external data file to the length that a change wants, if it does and the file is longer. */
export async function cutDataFile({ size, cut }: DataFileChange, file: ImageStorage): Promise<void> {
  if (cut && (await file.state()).size > size) {
    await file.resize(size);
    await file.flush();
  }
}

/**
 * Gives an external data file the length that it had before a change. What the change has added is only cut off where it
 * still reads as zeros; else it stays, and the result says so in a sentence. What the change has cut off is put back by
 * the records of the journal afterwards.
 */
export async function takeBackLength(
  { before, after }: DataFileLengths,
  file: ImageStorage,
): Promise<string | undefined> {
  const { size } = await file.state();
  if (after < before) {
    if (size < before) {
      await file.resize(before);
    }
    return undefined;
  }
  if (size === before) {
    return undefined;
  }
  if (size !== after || !(await readsAsZeros(file, before, after))) {
    return `The external data file stays ${showSize(size)} long, and had ${showSize(before)}: it was written behind that since the change.`;
  }
  await file.resize(before);
  await file.flush();
  return undefined;
}

async function readsAsZeros(file: ImageStorage, from: bigint, to: bigint): Promise<boolean> {
  const bytes = new Uint8Array(chunk);
  for (const { offset, length, data } of file.extents?.(from, to) ?? [
    { offset: from, length: to - from, data: true },
  ]) {
    for (let done = 0n; data && done < length; done += BigInt(chunk)) {
      const left = length - done;
      const part = left < BigInt(chunk) ? bytes.subarray(0, Number(left)) : bytes;
      part.fill(0);
      await file.read(offset + done, part);
      if (part.some((byte) => byte !== 0)) {
        return false;
      }
    }
  }
  return true;
}
