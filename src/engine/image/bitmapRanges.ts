import { type Bitmap, dirtyTracking } from '../format/bitmaps.ts';
import { bitmapAllOnes, bitmapHasReserved, bitmapPlace, bitmapUnaligned } from '../format/bitmapTable.ts';
import { limits } from '../limits.ts';
import type { Progress, Storage } from '../ports.ts';
import { clustersOf, type Geometry } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';

/** What a bitmap says of a range; `unknown` where its bits can't be read. Clean ranges are those between. */
export type BitmapState = 'dirty' | 'unknown';

/**
 * Called for each range of guest bytes that is dirty or not known, in guest order; neighbours of one state are one range.
 * Returning false ends the walk.
 */
export type BitmapVisitor = (state: BitmapState, start: bigint, length: bigint) => boolean;

/** Entries of a bitmap table that are read at once. */
const tableEntries = 8192;

/** Bytes of bitmap data that are looked at between two steps of the progress. */
const stepBytes = 4096;

/** Why nothing can be read of a bitmap's content, as a sentence; undefined where it can. */
export function unreadableBitmap({ fields }: Bitmap, geometry: Geometry): string | undefined {
  const { type, granularity_bits: granularity, bitmap_table_offset: offset, bitmap_table_size: entries } = fields;
  if (type !== dirtyTracking) {
    return `Its type is ${type}, not ${dirtyTracking} (dirty tracking): what its bits mean is not known.`;
  }
  if (granularity > 63) {
    return `Its granularity of 2^${granularity} bytes is more than any disk has.`;
  }
  if (offset === 0n || offset % BigInt(geometry.clusterSize) !== 0n) {
    return `Its table’s offset 0x${offset.toString(16)} is not that of a cluster.`;
  }
  if (entries > limits.bitmapTableEntries) {
    return `Its table has ${entries} entries, more than the ${limits.bitmapTableEntries} that QEMU allows.`;
  }
  return undefined;
}

/**
 * Walks the dirty ranges of a bitmap for which `unreadableBitmap` has nothing to say, from guest offset `from` on. Bit
 * n of its data (the least significant bit of a byte first) stands for granule n of the disk, and bits past the end of
 * the disk for nothing. Data that the system fails to read, entries that QEMU refuses (load_bitmap_data,
 * check_table_entry) and those that the table lacks are `unknown`. Reads a cluster at a time.
 */
export async function walkBitmap(
  storage: Storage,
  geometry: Geometry,
  bitmap: Bitmap,
  from: bigint,
  visit: BitmapVisitor,
  progress: Progress,
): Promise<void> {
  const granularity = BigInt(bitmap.fields.granularity_bits);
  const { guestSize, clusterBits } = geometry;
  const granules = clustersOf(guestSize, Number(granularity));
  const entryBits = BigInt(clusterBits + 3);
  const needed = (granules + (1n << entryBits) - 1n) >> entryBits;
  const entries = needed < BigInt(bitmap.fields.bitmap_table_size) ? Number(needed) : bitmap.fields.bitmap_table_size;
  const ranges = new DirtyRanges(bitmap, guestSize, from, visit);
  const table = new Uint8Array(tableEntries * 8);
  const view = new DataView(table.buffer);
  const data = new BitmapData(storage, geometry);
  const perEntry = 2 ** (clusterBits + 3);
  const first = (from >> granularity) >> entryBits;
  for (let index = first < BigInt(entries) ? Number(first) : entries; index < entries; ) {
    const count = Math.min(tableEntries, entries - index);
    const at = bitmap.fields.bitmap_table_offset + BigInt(index) * 8n;
    const bad = await readHostBytes(storage, at, table.subarray(0, count * 8));
    for (let entry = 0; entry < count; entry++) {
      const lost = bad.some((part) => part.from < entry * 8 + 8 && part.to > entry * 8);
      const hi = view.getUint32(entry * 8);
      const lo = view.getUint32(entry * 8 + 4);
      const start = (index + entry) * perEntry;
      const wrong = lost || bitmapHasReserved(hi, lo) || bitmapUnaligned(lo, clusterBits);
      const place = bitmapPlace(hi, lo);
      let more = true;
      if (wrong) {
        more = ranges.add('unknown', start, perEntry);
      } else if (place !== 0) {
        more = await data.visit(place, start, ranges, () => progress.step(index + entry, entries));
      } else if (bitmapAllOnes(hi, lo)) {
        more = ranges.add('dirty', start, perEntry);
      }
      if (!more) {
        return;
      }
    }
    index += count;
    await progress.step(index, entries);
  }
  if (needed > BigInt(entries)) {
    ranges.addFrom('unknown', entries * perEntry);
  }
  ranges.end();
}

/** Reads clusters of a bitmap's data. */
class BitmapData {
  readonly #storage: Storage;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Host offset of what `#bytes` holds. */
  #held = -1;
  #bad: readonly { readonly from: number; readonly to: number }[] = [];

  constructor(storage: Storage, geometry: Geometry) {
    this.#storage = storage;
    this.#bytes = new Uint8Array(geometry.clusterSize);
  }

  /** Adds the dirty granules of the cluster at host offset `place`, whose first bit is granule `start`. */
  async visit(place: number, start: number, ranges: DirtyRanges, pause: () => Promise<void>): Promise<boolean> {
    if (place !== this.#held) {
      this.#bad = await readHostBytes(this.#storage, BigInt(place), this.#bytes);
      this.#held = place;
    }
    let next = 0;
    for (const { from, to } of this.#bad) {
      const more = await this.#slices(next, from, start, ranges, pause);
      if (!more || !ranges.add('unknown', start + from * 8, (to - from) * 8)) {
        return false;
      }
      next = to;
    }
    return this.#slices(next, this.#bytes.length, start, ranges, pause);
  }

  /** A cluster of 2 MiB may have 8 million ranges. */
  async #slices(
    from: number,
    to: number,
    start: number,
    ranges: DirtyRanges,
    pause: () => Promise<void>,
  ): Promise<boolean> {
    for (let at = from; at < to; at += stepBytes) {
      if (!this.#bits(at, Math.min(to, at + stepBytes), start, ranges)) {
        return false;
      }
      await pause();
    }
    return true;
  }

  #bits(from: number, to: number, start: number, ranges: DirtyRanges): boolean {
    const bytes = this.#bytes;
    for (let at = from; at < to; ) {
      const byte = bytes[at] ?? 0;
      if (byte === 0 || byte === 0xff) {
        const first = at;
        while (at < to && bytes[at] === byte) {
          at++;
        }
        if (byte !== 0 && !ranges.add('dirty', start + first * 8, (at - first) * 8)) {
          return false;
        }
        continue;
      }
      for (let bit = 0; bit < 8; bit++) {
        if (((byte >>> bit) & 1) === 1 && !ranges.add('dirty', start + at * 8 + bit, 1)) {
          return false;
        }
      }
      at++;
    }
    return true;
  }
}

/** Joins runs of granules to ranges of bytes. */
class DirtyRanges {
  readonly #granularity: bigint;
  readonly #size: bigint;
  readonly #from: bigint;
  readonly #visit: BitmapVisitor;
  #state: BitmapState = 'dirty';
  /** Granules. */
  #start = 0;
  #end = 0;

  constructor({ fields }: Bitmap, size: bigint, from: bigint, visit: BitmapVisitor) {
    this.#granularity = BigInt(fields.granularity_bits);
    this.#size = size;
    this.#from = from;
    this.#visit = visit;
  }

  /** Adds granules; false when the walk shall end. */
  add(state: BitmapState, start: number, count: number): boolean {
    if (this.#end === start && this.#end > this.#start && this.#state === state) {
      this.#end = start + count;
      return true;
    }
    const more = this.end();
    [this.#state, this.#start, this.#end] = [state, start, start + count];
    return more;
  }

  /** Adds all granules from `start` to the end of the disk. */
  addFrom(state: BitmapState, start: number): void {
    if (this.end()) {
      this.#visitBytes(state, BigInt(start) << this.#granularity, this.#size);
    }
  }

  /** Visits the last range; false when the walk shall end. */
  end(): boolean {
    const [start, end] = [this.#start, this.#end];
    this.#start = end;
    return (
      start === end ||
      this.#visitBytes(this.#state, BigInt(start) << this.#granularity, BigInt(end) << this.#granularity)
    );
  }

  #visitBytes(state: BitmapState, start: bigint, end: bigint): boolean {
    const begin = start > this.#from ? start : this.#from;
    const stop = end < this.#size ? end : this.#size;
    return begin >= stop || this.#visit(state, begin, stop - begin);
  }
}
