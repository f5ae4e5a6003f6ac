import { open } from 'node:fs/promises';
import type { ImageBuilder } from './builder.ts';
import type { MemoryStorage } from './memoryStorage.ts';

/** Writes an image as a sparse file, in place of one that may be there. */
export function writeImage(image: ImageBuilder, path: string): Promise<void> {
  return writeStorage(image.toStorage(), path);
}

/** Writes what is in memory as a sparse file, in place of one that may be there. */
export async function writeStorage(storage: MemoryStorage, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const { offset, length, data } of storage.extents(0n, storage.size)) {
      if (data) {
        const bytes = storage.slice(offset, Number(length));
        await file.write(bytes, 0, bytes.length, Number(offset));
      }
    }
    await file.truncate(Number(storage.size));
  } finally {
    await file.close();
  }
}
