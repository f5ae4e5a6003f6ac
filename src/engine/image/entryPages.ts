import { type Bitmap, bitmapFixedBytes } from '../format/bitmaps.ts';
import type { TableChunk } from '../format/chunk.ts';
import type { Snapshot } from '../format/snapshots.ts';
import { limits } from '../limits.ts';
import { walkBitmapDirectory } from './bitmapDirectory.ts';
import type { Image } from './image.ts';
import { walkSnapshotTable } from './snapshotTable.ts';

/** Bytes of entries that a page has at most, but for its first one: names may have 64 KiB each. */
const pageBytes = 2 ** 20;

/**
 * Entries of the snapshot table from index `from` on: `count`, or fewer where they are very long or the table ends. Reads
 * the table up to them.
 */
export async function snapshotPage(image: Image, from: number, count: number): Promise<Snapshot[]> {
  const { header, geometry, storage } = image;
  const page = new Page<Snapshot>(from, count, ({ bytes }) => bytes.length);
  if (header && geometry && header.nb_snapshots <= limits.snapshots) {
    const upTo = { ...header, nb_snapshots: Math.min(header.nb_snapshots, from + count) };
    await walkSnapshotTable(storage, upTo, (chunk) => page.take(chunk));
  }
  return page.entries;
}

/** As `snapshotPage`, of the bitmap directory. */
export async function bitmapPage(image: Image, from: number, count: number): Promise<Bitmap[]> {
  const { bitmapDirectory, storage } = image;
  const page = new Page<Bitmap>(
    from,
    count,
    ({ extraData, nameBytes }) => bitmapFixedBytes + extraData.length + nameBytes.length,
  );
  if (bitmapDirectory) {
    await walkBitmapDirectory(storage, bitmapDirectory, (chunk) => page.take(chunk));
  }
  return page.entries;
}

/** The entries of a page, taken from a walk over the table. */
class Page<T extends { readonly index: number }> {
  readonly entries: T[] = [];
  readonly #from: number;
  readonly #count: number;
  readonly #bytesOf: (entry: T) => number;
  #bytes = 0;

  constructor(from: number, count: number, bytesOf: (entry: T) => number) {
    this.#from = from;
    this.#count = count;
    this.#bytesOf = bytesOf;
  }

  take({ entries }: TableChunk<T>): void {
    for (const entry of entries) {
      const wanted = entry.index >= this.#from && entry.index < this.#from + this.#count;
      if (wanted && (this.entries.length === 0 || this.#bytes < pageBytes)) {
        this.#bytes += this.#bytesOf(entry);
        this.entries.push(entry);
      }
    }
  }
}
