import type { Finding } from '../finding.ts';

/** Where in a table of entries of varying length a parser is. It starts with `index: 0` at the table's offset. */
export interface TableCursor {
  /** Index of the entry that comes next. */
  readonly index: number;
  /** Host offset in bytes at which the last entry ended, or the table begins. */
  readonly offset: bigint;
}

/** What a parser made of some bytes of such a table. */
export interface TableChunk<T> {
  /** The entries that lie wholly in the bytes. */
  readonly entries: readonly T[];
  readonly findings: readonly Finding[];
  /** Where to go on. May be past the given bytes. */
  readonly next: TableCursor;
  /** Bytes from `next.offset` on that the next entry takes as far as is known; 0 at the end of the table. */
  readonly needs: number;
  /** Whether the rest of the table makes no sense: what follows can't be told. */
  readonly broken: boolean;
}

/** The place of the next entry: entries are aligned to 8 bytes. */
export function alignEntry(offset: bigint): bigint {
  return (offset + 7n) & ~7n;
}
