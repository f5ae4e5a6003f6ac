import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { ImageBuilder } from './builder.ts';
import type { MemoryStorage } from './memoryStorage.ts';

/** Writes an image as a sparse file, in place of one that may be there. */
export function writeImage(image: ImageBuilder, path: string): void {
  writeStorage(image.toStorage(), path);
}

/** Writes what is in memory as a sparse file, in place of one that may be there. */
export function writeStorage(storage: MemoryStorage, path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const { offset, length, data } of storage.extents(0n, storage.size)) {
      if (data) {
        writeSync(file, storage.slice(offset, Number(length)), 0, Number(length), Number(offset));
      }
    }
    ftruncateSync(file, Number(storage.size));
  } finally {
    closeSync(file);
  }
}
