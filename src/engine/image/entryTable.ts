import type { TableChunk, TableCursor } from '../format/chunk.ts';
import type { Storage } from '../ports.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';

/** Bytes of such a table that are read at once: few at first, as most tables are short. An entry may be longer. */
const firstWindow = 2 ** 14;
const largestWindow = 2 ** 18;

/** How the walk over a table ended. */
export interface TableEnd {
  /** Entries that were visited. */
  readonly count: number;
  /** Host offset in bytes of the end of the last one. */
  readonly offset: bigint;
  /** False where entries are missing that the table should have. */
  readonly whole: boolean;
  /** Where the system failed to read the next entry: the rest of the table can't be found. */
  readonly unreadable?: { readonly offset: bigint; readonly system: string | undefined };
  /** True where the file ends before the table. */
  readonly pastEnd: boolean;
}

/**
 * Walks a table of entries of varying length (snapshot table, bitmap directory) through a window: never more than one
 * window's entries are in memory. Entries that start past the end of the file are not visited; what an entry lacks
 * there is zeros.
 */
export async function walkEntryTable<T>(
  storage: Storage,
  offset: bigint,
  parse: (bytes: Uint8Array, cursor: TableCursor) => TableChunk<T>,
  visit: (chunk: TableChunk<T>) => void,
): Promise<TableEnd> {
  let cursor: TableCursor = { index: 0, offset };
  let buffer = new Uint8Array(0);
  let windowBytes = firstWindow;
  for (let needs = 1; ; windowBytes = Math.min(windowBytes * 4, largestWindow)) {
    if (cursor.offset >= storage.size) {
      return end(cursor, { whole: false, pastEnd: true });
    }
    const length = windowLength(storage, cursor.offset, needs, windowBytes);
    if (buffer.length < length) {
      buffer = new Uint8Array(length);
    }
    const window = buffer.subarray(0, length);
    const [bad] = await readHostBytes(storage, cursor.offset, window);
    const chunk = parse(bad ? window.subarray(0, bad.from) : window, cursor);
    visit(chunk);
    if (chunk.needs === 0) {
      return end(chunk.next, { whole: !chunk.broken, pastEnd: false });
    }
    const stuck = chunk.next.index === cursor.index && chunk.needs <= needs;
    if (stuck) {
      return end(chunk.next, { whole: false, pastEnd: false, ...unreadableAt(cursor, bad) });
    }
    needs = chunk.next.index === cursor.index ? chunk.needs : 1;
    cursor = chunk.next;
  }
}

function end(cursor: TableCursor, how: Omit<TableEnd, 'count' | 'offset'>): TableEnd {
  return { count: cursor.index, offset: cursor.offset, ...how };
}

/** A window, or what is left of the file if that is less; but always what the next entry needs. */
function windowLength(storage: Storage, offset: bigint, needs: number, windowBytes: number): number {
  const left = storage.size - offset;
  return Math.max(needs, left < BigInt(windowBytes) ? Number(left) : windowBytes);
}

function unreadableAt(cursor: TableCursor, bad: Unreadable | undefined): Pick<TableEnd, 'unreadable'> | undefined {
  return bad && { unreadable: { offset: cursor.offset + BigInt(bad.from), system: bad.system } };
}
