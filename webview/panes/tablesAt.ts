import type { EntryFilter, TableId } from '../../src/protocol/tableApi.ts';
import type { Image } from '../description.ts';
import type { Selection } from '../selection.ts';

/** An entry of a table. */
export interface EntryAt {
  readonly table: TableId;
  readonly index: number;
}

/** What the pane shows, to be found again. */
export interface TablesView {
  readonly table: TableId;
  readonly filter: EntryFilter;
  /** Position of the row at the top. */
  readonly top: number;
}

/** The L1 table of the active layer, unfiltered: where one begins. */
export const firstView: TablesView = { table: { kind: 'l1' }, filter: 'all', top: 0 };

/** True when both are the same table. */
export function sameTable(a: TableId, b: TableId): boolean {
  return addressOfTable(a) === addressOfTable(b);
}

/** A table as text: `l1`, `l1@0` (of snapshot 0), `l2:3@0`, `refcount-table`, `refcount-block:2`. */
export function addressOfTable(table: TableId): string {
  switch (table.kind) {
    case 'l1':
      return `l1${layerSuffix(table)}`;
    case 'l2':
      return `l2:${table.l1}${layerSuffix(table)}`;
    case 'refcount-table':
      return table.kind;
    case 'refcount-block':
      return `${table.kind}:${table.index}`;
  }
}

function layerSuffix({ snapshot }: { readonly snapshot?: number }): string {
  return snapshot === undefined ? '' : `@${snapshot}`;
}

/** The table of an address; undefined when it is none. */
function tableAt(address: string): TableId | undefined {
  const [, kind, index, snapshot] = /^(l1|l2|refcount-table|refcount-block)(?::(\d+))?(?:@(\d+))?$/.exec(address) ?? [];
  const layer = snapshot === undefined ? {} : { snapshot: Number(snapshot) };
  switch (kind) {
    case 'l1':
      return index === undefined ? { kind, ...layer } : undefined;
    case 'l2':
      return index === undefined ? undefined : { kind, l1: Number(index), ...layer };
    case 'refcount-table':
      return index === undefined && snapshot === undefined ? { kind } : undefined;
    case 'refcount-block':
      return index === undefined || snapshot !== undefined ? undefined : { kind, index: Number(index) };
    default:
      return undefined;
  }
}

/** A view as text. */
export function keptView({ table, filter, top }: TablesView): string {
  return `${addressOfTable(table)} ${filter} ${top}`;
}

/** The view of a kept text; undefined when it is none. `isFilter` tells the filters. */
export function viewOf(kept: string | undefined, filters: readonly EntryFilter[]): TablesView | undefined {
  const [address = '', name, top] = kept?.split(' ') ?? [];
  const table = tableAt(address);
  const filter = filters.find((one) => one === name);
  return table && filter && /^\d+$/.test(top ?? '') ? { table, filter, top: Number(top) } : undefined;
}

/** The table whose entry leads to a table, and that entry; undefined for an L1 table and the refcount table. */
export function parentOf(table: TableId): EntryAt | undefined {
  switch (table.kind) {
    case 'l2':
      return { table: { kind: 'l1', ...layerOf(table) }, index: table.l1 };
    case 'refcount-block':
      return { table: { kind: 'refcount-table' }, index: table.index };
    default:
      return undefined;
  }
}

/** The table that an entry of a table leads to, if it has one; undefined for what leads to clusters. */
export function childOf({ table, index }: EntryAt): TableId | undefined {
  switch (table.kind) {
    case 'l1':
      return { kind: 'l2', l1: index, ...layerOf(table) };
    case 'refcount-table':
      return { kind: 'refcount-block', index };
    default:
      return undefined;
  }
}

/** The selection of an entry. */
export function selectionOf({ table, index }: EntryAt): Selection {
  switch (table.kind) {
    case 'l1':
      return { kind: 'l1-entry', index, ...layerOf(table) };
    case 'l2':
      return { kind: 'l2-entry', l1: table.l1, index, ...layerOf(table) };
    case 'refcount-table':
      return { kind: 'refcount-table-entry', index };
    case 'refcount-block':
      return { kind: 'refcount-entry', block: table.index, index };
  }
}

/**
 * The entry that shows a selection: an entry itself; of a range of the guest's disk the L2 entry, of a range of the file
 * the refcount of where it starts.
 */
export function entryOf(selection: Selection | undefined, image: Image): EntryAt | undefined {
  switch (selection?.kind) {
    case 'l1-entry':
      return { table: { kind: 'l1', ...layerOf(selection) }, index: selection.index };
    case 'l2-entry':
      return { table: { kind: 'l2', l1: selection.l1, ...layerOf(selection) }, index: selection.index };
    case 'refcount-table-entry':
      return { table: { kind: 'refcount-table' }, index: selection.index };
    case 'refcount-entry':
      return { table: { kind: 'refcount-block', index: selection.block }, index: selection.index };
    case 'guest': {
      const place = placeIn(selection.start, image, image.geometry?.l2Entries);
      return place && { table: { kind: 'l2', l1: place.table, ...layerOf(selection) }, index: place.index };
    }
    case 'host': {
      const { geometry } = image;
      const place = placeIn(selection.start, image, geometry && (geometry.clusterSize * 8) / geometry.refcountBits);
      return place && { table: { kind: 'refcount-block', index: place.table }, index: place.index };
    }
    default:
      return undefined;
  }
}

/** The index that a selection has in a table, if it is shown there: by its entry, or by one that leads to it. */
export function indexIn(table: TableId, selection: Selection | undefined, image: Image): number | undefined {
  const entry = entryOf(selection, image);
  if (entry === undefined) {
    return undefined;
  }
  if (sameTable(entry.table, table)) {
    return entry.index;
  }
  const parent = parentOf(entry.table);
  const isRange = selection?.kind === 'guest' || selection?.kind === 'host';
  return isRange && parent && sameTable(parent.table, table) ? parent.index : undefined;
}

function placeIn(
  start: bigint,
  { geometry }: Image,
  entries: number | undefined,
): { readonly table: number; readonly index: number } | undefined {
  if (geometry === undefined || entries === undefined) {
    return undefined;
  }
  const cluster = start / BigInt(geometry.clusterSize);
  return { table: Number(cluster / BigInt(entries)), index: Number(cluster % BigInt(entries)) };
}

function layerOf({ snapshot }: { readonly snapshot?: number }): { snapshot?: number } {
  return snapshot === undefined ? {} : { snapshot };
}
