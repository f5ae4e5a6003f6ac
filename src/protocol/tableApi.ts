import type { EntryFilter } from '../engine/image/matchingEntries.ts';
import type { TableId, TablePlace } from '../engine/image/tablePlace.ts';
import type { TableRow } from '../engine/image/tableRow.ts';

export type { EntryFilter } from '../engine/image/matchingEntries.ts';
export type { EntryKind } from '../engine/image/tableEntry.ts';
export type { TableId, TablePlace } from '../engine/image/tablePlace.ts';
export type { TableRow } from '../engine/image/tableRow.ts';

/** The entries of the tables. A row is addressed by its position: among all entries, or among those of the filter. */
export interface TableApi {
  /** Where a table is, and how many entries match the filter: walks it once for that, with progress in entries. */
  table(request: FilteredTable): TableSummary;
  /** Rows from a position on. Reads their part of the table only; of a filtered one, the parts that have matches. */
  tableRows(request: TableRowsRequest): readonly TableRow[];
  /** The position of an entry; undefined where the table has no such entry, or the filter leaves it out. */
  tablePosition(request: TablePositionRequest): number | undefined;
}

/** A table and which of its entries. */
export interface FilteredTable {
  readonly table: TableId;
  readonly filter: EntryFilter;
}

/** A table as a whole. */
export interface TableSummary {
  readonly place: TablePlace;
  /** How many entries match the filter: `place.entries` for `all`. */
  readonly matching: number;
}

/** Which rows. */
export interface TableRowsRequest extends FilteredTable {
  /** Position of the first one. */
  readonly from: number;
  /** At most 1024; fewer come at the end. */
  readonly count: number;
}

/** Which entry. */
export interface TablePositionRequest extends FilteredTable {
  /** Index in the table. */
  readonly index: number;
}
