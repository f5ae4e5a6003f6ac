import type { Finding } from '../finding.ts';
import { readRefcount } from '../format/refcounts.ts';
import type { Geometry } from './geometry.ts';
import { rowFindings } from './rowFindings.ts';
import {
  type EntryKind,
  entriesPastEnd,
  l1Entry,
  l2Entry,
  refcountTableRow,
  type TableEntry,
  unreadableEntries,
} from './tableEntry.ts';
import { byteOf, type TableWindow, unreadableEntry } from './tableWindow.ts';

/** One entry of a table, raw and decoded. */
export interface TableRow extends Omit<TableEntry, 'count'> {
  /** Host offset in bytes of the byte in which the entry starts. */
  readonly at: bigint;
  /** Of refcount blocks. */
  readonly refcount?: number | bigint;
  /** What `wrong` says, as a scan reports it. */
  readonly findings: readonly Finding[];
}

/** An entry of a window, decoded, with what a scan says of it. */
export function tableRow(geometry: Geometry, window: TableWindow, index: number): TableRow {
  const { count: _, ...entry } = tableEntry(geometry, window, index);
  return {
    ...entry,
    at: window.host + BigInt(byteOf(window, index)),
    findings: entry.wrong === undefined ? [] : rowFindings(geometry, window, index),
  };
}

/** An entry with its refcount, if it is one. */
export interface CountedEntry extends TableEntry {
  readonly refcount?: number | bigint;
}

/** An entry of a window, decoded. Its `count` is 1. */
export function tableEntry(geometry: Geometry, window: TableWindow, index: number): CountedEntry {
  if (index >= window.end) {
    return entriesPastEnd(index, 1);
  }
  const bad = unreadableEntry(window, index);
  if (bad) {
    return unreadableEntries(index, 1, bad.system);
  }
  const { place, view } = window;
  const { id } = place;
  const at = byteOf(window, index);
  switch (id.kind) {
    case 'l1':
      return l1Entry(geometry, index, view.getUint32(at), view.getUint32(at + 4));
    case 'l2': {
      const zero = geometry.extended ? view.getUint32(at + 8) : 0;
      const alloc = geometry.extended ? view.getUint32(at + 12) : 0;
      const words = { hi: view.getUint32(at), lo: view.getUint32(at + 4), zero, alloc };
      return l2Entry(geometry, id.l1 * geometry.l2Entries, index, words);
    }
    case 'refcount-table':
      return refcountTableRow(geometry, index, view.getUint32(at), view.getUint32(at + 4));
    case 'refcount-block':
      return refcountEntry(geometry, window, id.index, index);
  }
}

/** `host`: of the cluster that the refcount is of. */
function refcountEntry(geometry: Geometry, window: TableWindow, block: number, index: number): CountedEntry {
  const { refcountOrder, refcountBlockEntries, clusterSize } = geometry;
  const refcount = readRefcount(window.bytes, index - window.base, refcountOrder);
  const cluster = block * refcountBlockEntries + index;
  return {
    index,
    count: 1,
    raw: rawRefcount(refcount, refcountOrder),
    kind: refcountKind(refcount),
    host: cluster * clusterSize,
    refcount,
  };
}

/** What a refcount says of its cluster. */
export function refcountKind(refcount: number | bigint): EntryKind {
  const count = Number(refcount);
  return count === 0 ? 'free' : count === 1 ? 'single' : 'multiple';
}

/** Hex digits; binary ones where it takes less than a byte. */
function rawRefcount(refcount: number | bigint, order: number): string {
  return order < 3
    ? refcount.toString(2).padStart(2 ** order, '0')
    : refcount.toString(16).padStart(2 ** order / 4, '0');
}
