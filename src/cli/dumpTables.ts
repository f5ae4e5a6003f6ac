import { readBitmaps } from '../engine/image/bitmapDirectory.ts';
import { type EntrySegment, type EntryTable, segmentsOf } from '../engine/image/entryTables.ts';
import type { Geometry } from '../engine/image/geometry.ts';
import type { Image } from '../engine/image/image.ts';
import { activeSource } from '../engine/image/reference.ts';
import { l1TablesOf } from '../engine/image/references.ts';
import { bitmapEntry, l1Entry, type TableEntry } from '../engine/image/tableEntry.ts';
import { limits } from '../engine/limits.ts';
import { dumpL2Tables } from './dumpL2.ts';
import { dumpRefcounts } from './dumpRefcounts.ts';
import { walkEntryWords } from './entryWords.ts';

/** The kinds of tables, in the order in which they are dumped. */
export type TableKind = 'l1-tables' | 'l2-tables' | 'refcount-table' | 'refcount-blocks' | 'bitmap-tables';

/** Which table it is: members as in JSON. */
export interface TableHead {
  /** The way to it in words of the spec: `L1`, `snapshot[0].L1`, `L1[3]`, `refcount_table[0]`, `bitmap[1]`. */
  readonly chain: string;
  /** Host offset in bytes. */
  readonly offset: number | bigint;
  /** Entries that follow. */
  readonly entries: number;
  /** Index of the first one, where that is not 0. */
  readonly first?: number;
  /** Guest offset in bytes of what an L2 table maps. */
  readonly guest?: number;
  /** How many lead to this table, where it is not one: it is dumped once. */
  readonly references?: number;
  /** Index in the refcount table of the entry that leads to the same block, and under which it is dumped. */
  readonly sameAs?: number;
}

/** Takes tables as they are read. */
export interface TableSink {
  beginKind(kind: TableKind): void;
  beginTable(head: TableHead): void;
  entry(entry: TableEntry): void;
  /** A run of clusters with the same refcount. */
  refcounts(cluster: number, count: number, refcount: number | bigint): void;
  endTable(): void;
  endKind(): void;
}

/**
 * Dumps all tables: each part of the file once, however many lead to it, so that the work is bounded by the file.
 * Memory: one chunk of entries, and a list of the places of L2 tables and refcount blocks.
 */
export async function dumpTables(image: Image, geometry: Geometry, sink: TableSink): Promise<void> {
  const l1 = await l1Segments(image, geometry);
  sink.beginKind('l1-tables');
  for (const segment of l1) {
    const chain = segment.source === activeSource ? 'L1' : `snapshot[${segment.source}].L1`;
    await dumpSegment(image, sink, chain, segment, (index, hi, lo) => l1Entry(geometry, index, hi, lo));
  }
  sink.endKind();
  sink.beginKind('l2-tables');
  await dumpL2Tables(image, geometry, l1, sink);
  sink.endKind();
  await dumpRefcounts(image, geometry, sink);
  sink.beginKind('bitmap-tables');
  for (const segment of await bitmapSegments(image, geometry)) {
    const chain = `bitmap[${segment.source}]`;
    await dumpSegment(image, sink, chain, segment, (index, hi, lo) => bitmapEntry(geometry, index, hi, lo));
  }
  sink.endKind();
}

async function dumpSegment(
  { storage }: Image,
  sink: TableSink,
  chain: string,
  { offset, first, entries, references }: EntrySegment,
  decode: (index: number, hi: number, lo: number) => TableEntry,
): Promise<void> {
  const shared = references > 1 ? { references } : {};
  sink.beginTable({ chain, offset, entries, ...(first > 0 ? { first } : {}), ...shared });
  await walkEntryWords(storage, { offset: BigInt(offset), first, entries }, decode, (entry) => sink.entry(entry));
  sink.endTable();
}

/** The L1 tables of the active layer and of the snapshots. An active one that is not at a cluster is read all the same. */
async function l1Segments(image: Image, geometry: Geometry): Promise<EntrySegment[]> {
  const tables = await l1TablesOf(image, geometry);
  const segments = inOrder(segmentsOf(tables));
  const { offset, entries } = image.l1;
  if (tables.some(({ source }) => source === activeSource) || entries === 0) {
    return segments;
  }
  return [{ source: activeSource, offset: Number(offset), first: 0, entries, references: 1 }, ...segments];
}

async function bitmapSegments(image: Image, geometry: Geometry): Promise<EntrySegment[]> {
  const bitmaps = image.bitmapDirectory ? await readBitmaps(image.storage, image.bitmapDirectory) : [];
  const tables: EntryTable[] = [];
  for (const { index, fields } of bitmaps) {
    const { bitmap_table_offset: offset, bitmap_table_size: entries } = fields;
    if (offset % BigInt(geometry.clusterSize) === 0n && entries <= limits.bitmapTableEntries) {
      tables.push({ source: index, offset: Number(offset), entries });
    }
  }
  return inOrder(segmentsOf(tables));
}

/** By table, the active layer first. */
function inOrder(segments: readonly EntrySegment[]): EntrySegment[] {
  return [...segments].sort((a, b) => a.source - b.source || a.first - b.first);
}
