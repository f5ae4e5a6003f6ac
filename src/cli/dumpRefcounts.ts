import { readRefcount, readSmallRefcount } from '../engine/format/refcounts.ts';
import type { Geometry } from '../engine/image/geometry.ts';
import { readHostBytes } from '../engine/image/hostBytes.ts';
import type { Image } from '../engine/image/image.ts';
import { type RefcountTableEntry, readRefcountTable, refcountTableEntries } from '../engine/image/refcountTable.ts';
import { entriesPastEnd, refcountTableRow, unreadableEntries } from '../engine/image/tableEntry.ts';
import type { Storage } from '../engine/ports.ts';
import type { TableSink } from './dumpTables.ts';
import { walkEntryWords } from './entryWords.ts';

/** Dumps the refcount table and its blocks. */
export async function dumpRefcounts(image: Image, geometry: Geometry, sink: TableSink): Promise<void> {
  const { storage, header } = image;
  if (!header) {
    return;
  }
  const table = await readRefcountTable(storage, geometry, header);
  sink.beginKind('refcount-table');
  if (table.entries > 0) {
    const { offset, entries } = table;
    sink.beginTable({ chain: 'refcount_table', offset, entries });
    const decode = (index: number, hi: number, lo: number) => refcountTableRow(geometry, index, hi, lo);
    await walkEntryWords(storage, { offset, first: 0, entries }, decode, (entry) => sink.entry(entry));
    sink.endTable();
  }
  sink.endKind();
  sink.beginKind('refcount-blocks');
  const firstOf = new Map<number, number>();
  for (const entry of refcountTableEntries(geometry, table)) {
    if (entry.block !== 0 && !entry.unaligned) {
      await dumpBlock(storage, geometry, entry, firstOf.get(entry.block), sink);
      if (!firstOf.has(entry.block)) {
        firstOf.set(entry.block, entry.index);
      }
    }
  }
  sink.endKind();
}

/** Dumps a block, unless it is dumped already under another entry of the refcount table. */
async function dumpBlock(
  storage: Storage,
  geometry: Geometry,
  { index, block }: RefcountTableEntry,
  sameAs: number | undefined,
  sink: TableSink,
): Promise<void> {
  const { refcountBlockEntries: entries } = geometry;
  const first = index * entries;
  const again = sameAs === undefined ? {} : { sameAs };
  sink.beginTable({ chain: `refcount_table[${index}]`, offset: block, first, entries, ...again });
  if (sameAs === undefined) {
    if (block >= geometry.fileSize) {
      sink.entry(entriesPastEnd(first, entries));
    } else {
      await dumpRefcountsOfBlock(storage, geometry, block, first, sink);
    }
  }
  sink.endTable();
}

async function dumpRefcountsOfBlock(
  storage: Storage,
  geometry: Geometry,
  block: number,
  first: number,
  sink: TableSink,
): Promise<void> {
  const { clusterSize, refcountOrder: order, refcountBlockEntries: entries } = geometry;
  const bytes = new Uint8Array(clusterSize);
  // A sector, the smallest part that can be lost, holds whole refcounts.
  const entryOf = (byte: number): number => (byte * 8) / 2 ** order;
  let next = 0;
  for (const { from, to, system } of await readHostBytes(storage, BigInt(block), bytes)) {
    dumpRuns(bytes, order, { first, from: next, to: entryOf(from) }, sink);
    sink.entry(unreadableEntries(first + entryOf(from), entryOf(to - from), system));
    next = entryOf(to);
  }
  dumpRuns(bytes, order, { first, from: next, to: entries }, sink);
}

/** Runs of equal refcounts: entries `from` to `to` (exclusive) of a block whose first cluster is `first`. */
function dumpRuns(
  block: Uint8Array,
  order: number,
  { first, from, to }: { readonly first: number; readonly from: number; readonly to: number },
  sink: TableSink,
): void {
  const read: (index: number) => number | bigint =
    order < 6 ? (index) => readSmallRefcount(block, index, order) : (index) => readRefcount(block, index, order);
  for (let start = from; start < to; ) {
    const refcount = read(start);
    let end = start + 1;
    while (end < to && read(end) === refcount) {
      end++;
    }
    sink.refcounts(first + start, end - start, refcount);
    start = end;
  }
}
