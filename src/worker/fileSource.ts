import { journalState } from '../engine/change/recovery.ts';
import { lookAt, watchEntry } from '../platform/fileLook.ts';
import { openFile } from '../platform/fileStorage.ts';
import { journalBeside } from '../platform/journalFile.ts';
import { locksOn } from '../platform/locks.ts';
import type { ImageSource } from './liveImage.ts';

/** An image in a file of the system. */
export function fileSource(path: string): ImageSource {
  return {
    open: () => openFile(path),
    look: () => lookAt(path),
    watch: (heard) => watchEntry(path, heard),
    locks: locksOn(path),
    journal: async (journal) => journalState(journalBeside(path, journal)),
    lookEvery: 2000,
  };
}
