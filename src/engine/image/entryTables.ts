import type { Storage } from '../ports.ts';
import { readHostBytes } from './hostBytes.ts';

/** A table of 8-byte entries: an L1 table or a bitmap table. */
export interface EntryTable {
  /** Snapshot or bitmap index, or -1 for the active layer. */
  readonly source: number;
  /** Host offset in bytes, a multiple of 8 and exact as a number. */
  readonly offset: number;
  readonly entries: number;
}

/** A part of the file that holds entries of one or more tables. */
export interface EntrySegment {
  /** Host offset in bytes. */
  readonly offset: number;
  readonly entries: number;
  /** One of the tables that it belongs to. */
  readonly source: number;
  /** Index of its first entry in that table. */
  readonly first: number;
  /** How many tables it belongs to. */
  readonly references: number;
}

/**
 * The parts of the file that tables take, each once however many tables lie over each other there: so that the work is
 * bounded by the file, not by what its headers say. In host order.
 */
export function segmentsOf(tables: readonly EntryTable[]): EntrySegment[] {
  const starts = [...tables].filter((table) => table.entries > 0).sort((a, b) => a.offset - b.offset);
  const ends = starts.map(endOf).sort((a, b) => a - b);
  const segments: EntrySegment[] = [];
  let open = 0;
  let at = 0;
  let longest: EntryTable | undefined;
  const cut = (to: number): void => {
    if (longest && open > 0 && to > at) {
      const first = (at - longest.offset) / 8;
      segments.push({ offset: at, entries: (to - at) / 8, source: longest.source, first, references: open });
    }
    at = to;
  };
  let ended = 0;
  for (const table of starts) {
    for (let end = ends[ended] ?? Infinity; end <= table.offset; end = ends[ended] ?? Infinity) {
      cut(end);
      open--;
      ended++;
    }
    cut(table.offset);
    open++;
    longest = longest && endOf(longest) > endOf(table) ? longest : table;
  }
  for (const end of ends.slice(ended)) {
    cut(end);
    open--;
  }
  return segments;
}

function endOf(table: EntryTable): number {
  return table.offset + table.entries * 8;
}

/** Called for each entry that is not zero, with its two words. */
export type EntryVisitor = (segment: EntrySegment, index: number, hi: number, lo: number) => void;

/** Called for entries that the system failed to read. */
export type LostVisitor = (segment: EntrySegment, index: number, count: number, system: string | undefined) => void;

/** Awaited every few thousand entries; throws when the walk is no longer wanted. */
export type Pause = () => Promise<void>;

/** Bytes that are read at once. */
const chunkBytes = 2 ** 20;

/** Visits the entries of segments that are not zero, in the segments' order. Those past the end of the file are zero. */
export async function walkEntries(
  storage: Storage,
  segments: readonly EntrySegment[],
  visit: EntryVisitor,
  lost: LostVisitor,
  pause: Pause,
): Promise<void> {
  const bytesOf = ({ entries, offset }: EntrySegment): number =>
    Math.min(entries * 8, Math.max(0, Number(storage.size) - offset));
  const most = segments.reduce((bytes, segment) => Math.max(bytes, bytesOf(segment)), 0);
  const buffer = new Uint8Array(Math.min(chunkBytes, Math.ceil(most / 8) * 8));
  const view = new DataView(buffer.buffer);
  for (const segment of segments) {
    const bytes = bytesOf(segment);
    for (let done = 0; done < bytes; done += chunkBytes) {
      const length = Math.min(chunkBytes, Math.ceil((bytes - done) / 8) * 8);
      const first = segment.first + done / 8;
      const bad = await readHostBytes(storage, BigInt(segment.offset + done), buffer.subarray(0, length));
      for (const { from, to, system } of bad) {
        const entry = Math.floor(from / 8);
        lost(segment, first + entry, Math.ceil(to / 8) - entry, system);
      }
      for (let at = 0; at < length; at += 8) {
        const hi = view.getUint32(at);
        const lo = view.getUint32(at + 4);
        if ((hi | lo) !== 0) {
          visit(segment, first + at / 8, hi, lo);
        }
      }
      await pause();
    }
  }
}
