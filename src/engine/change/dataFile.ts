import type { ImageStorage, Progress } from '../ports.ts';
import type { DataFileChange } from './changeSet.ts';

/**
 * Makes an external data file as long as a change wants it, if it is shorter. Returns what takes that back; where it fails
 * it has been taken back.
 */
export async function growDataFile(
  { size, blocks }: DataFileChange,
  file: ImageStorage,
  progress: Progress,
): Promise<() => Promise<void>> {
  const { size: before } = await file.state();
  if (before >= size) {
    return async () => undefined;
  }
  const takeBack = (): Promise<void> => file.resize(before);
  try {
    await file.resize(size);
    if (blocks !== 'sparse') {
      await file.allocate?.(before, size - before, blocks === 'written', progress);
    }
    await file.flush();
  } catch (error) {
    await takeBack();
    throw error;
  }
  return takeBack;
}

/** Cuts an external data file to the length that a change wants, if it does and the file is longer. */
export async function cutDataFile({ size, cut }: DataFileChange, file: ImageStorage): Promise<void> {
  if (cut && (await file.state()).size > size) {
    await file.resize(size);
    await file.flush();
  }
}
