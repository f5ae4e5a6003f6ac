import { type Bitmap, type BitmapDirectoryFormat, parseBitmapDirectory } from '../format/bitmaps.ts';
import type { TableChunk } from '../format/chunk.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';
import { type TableEnd, walkEntryTable } from './entryTable.ts';

/** Walks the bitmap directory entry by entry; undefined where it is larger than the limit, or has no bytes. */
export async function walkBitmapDirectory(
  storage: Storage,
  format: BitmapDirectoryFormat,
  visit: (chunk: TableChunk<Bitmap>) => void,
): Promise<TableEnd | undefined> {
  if (format.directorySize === 0n || format.directorySize > BigInt(limits.bitmapDirectoryBytes)) {
    return undefined;
  }
  const parse = parseBitmapDirectory;
  return walkEntryTable(storage, format.directoryOffset, (bytes, at) => parse(bytes, at, format), visit);
}

/** The entries of the bitmap directory that can be read. */
export async function readBitmaps(storage: Storage, format: BitmapDirectoryFormat): Promise<Bitmap[]> {
  const bitmaps: Bitmap[] = [];
  await walkBitmapDirectory(storage, format, ({ entries }) => {
    for (const entry of entries) {
      bitmaps.push(entry);
    }
  });
  return bitmaps;
}
