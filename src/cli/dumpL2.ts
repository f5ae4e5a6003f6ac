import type { EntrySegment } from '../engine/image/entryTables.ts';
import type { Geometry } from '../engine/image/geometry.ts';
import type { Image } from '../engine/image/image.ts';
import type { L1Table } from '../engine/image/l1Table.ts';
import { type L2TableSet, l2TableSet } from '../engine/image/l2TableSet.ts';
import { type L2Visitor, type Lost, walkL2Tables } from '../engine/image/l2Tables.ts';
import { activeSource } from '../engine/image/reference.ts';
import { entriesPastEnd, l2Entry, unreadableEntries } from '../engine/image/tableEntry.ts';
import { noProgress } from '../engine/ports.ts';
import type { TableSink } from './dumpTables.ts';
import { ZeroRun } from './entryWords.ts';

/** Dumps the L2 tables that the L1 tables lead to, each once: those of the active layer, then those of snapshots. */
export async function dumpL2Tables(
  image: Image,
  geometry: Geometry,
  l1: readonly EntrySegment[],
  sink: TableSink,
): Promise<void> {
  const ignore = { reference: () => undefined };
  const set = await l2TableSet(image.storage, geometry, l1, ignore, async () => undefined);
  if (set.count > 0) {
    const order = inLayerOrder(set);
    const range = { from: 0, to: set.count * geometry.l2Entries };
    const dumper = new L2Dumper(geometry, set, order, sink);
    await walkL2Tables(image.storage, geometry, asL1(set, order), range, dumper, noProgress);
  }
}

/** Indices of the set by layer, then by guest offset. */
function inLayerOrder({ count, sources, l1Indices }: L2TableSet): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const key = (index: number): number => ((sources[index] ?? 0) + 1) * 2 ** 32 + (l1Indices[index] ?? 0);
  return order.sort((a, b) => key(a) - key(b));
}

/** The tables as one L1 table, for the walk. */
function asL1({ offsets, count }: L2TableSet, order: Uint32Array): L1Table {
  const view = new DataView(new ArrayBuffer(count * 8));
  for (const [at, index] of order.entries()) {
    const offset = offsets[index] ?? 0;
    view.setUint32(at * 8, Math.floor(offset / 0x1_0000_0000));
    view.setUint32(at * 8 + 4, offset % 0x1_0000_0000);
  }
  return { offset: 0n, entries: count, view, unreadable: [] };
}

/** Hands the entries of L2 tables on, decoded. A table comes in parts only where some of it can't be read. */
class L2Dumper implements L2Visitor {
  readonly #geometry: Geometry;
  readonly #set: L2TableSet;
  readonly #order: Uint32Array;
  readonly #sink: TableSink;

  constructor(geometry: Geometry, set: L2TableSet, order: Uint32Array, sink: TableSink) {
    this.#geometry = geometry;
    this.#set = set;
    this.#order = order;
    this.#sink = sink;
  }

  absent(at: number, count: number): boolean {
    const { l2Entries } = this.#geometry;
    for (let table = at; table < at + count; table++) {
      this.#begin(table, 0);
      this.#sink.entry(entriesPastEnd(0, l2Entries));
      this.#end(l2Entries);
    }
    return true;
  }

  lost(table: number, from: number, to: number, why: Lost): boolean {
    this.#begin(table, from);
    this.#sink.entry(unreadableEntries(from, to - from, why.system));
    this.#end(to);
    return true;
  }

  entries(table: number, from: number, to: number, view: DataView, at: number): boolean {
    const first = this.#begin(table, from);
    const geometry = this.#geometry;
    const { l2EntryBytes, extended } = geometry;
    const nothing = { hi: 0, lo: 0, zero: 0, alloc: 0 };
    const zeros = new ZeroRun((index, count) =>
      this.#sink.entry({ ...l2Entry(geometry, first, index, nothing), count }),
    );
    for (let index = from; index < to; index++) {
      const byte = at + (index - from) * l2EntryBytes;
      const hi = view.getUint32(byte);
      const lo = view.getUint32(byte + 4);
      const zero = extended ? view.getUint32(byte + 8) : 0;
      const alloc = extended ? view.getUint32(byte + 12) : 0;
      if ((hi | lo | zero | alloc) === 0) {
        zeros.add(index);
      } else {
        zeros.end();
        this.#sink.entry(l2Entry(geometry, first, index, { hi, lo, zero, alloc }));
      }
    }
    zeros.end();
    this.#end(to);
    return true;
  }

  /** Begins a table at its first entry; returns the guest cluster that it starts with. */
  #begin(table: number, from: number): number {
    const { l2Entries, clusterSize } = this.#geometry;
    const index = this.#order[table] ?? 0;
    const l1Index = this.#set.l1Indices[index] ?? 0;
    const source = this.#set.sources[index] ?? 0;
    const references = this.#set.references[index] ?? 0;
    if (from === 0) {
      this.#sink.beginTable({
        chain: `${source === activeSource ? '' : `snapshot[${source}].`}L1[${l1Index}]`,
        offset: this.#set.offsets[index] ?? 0,
        entries: l2Entries,
        guest: l1Index * l2Entries * clusterSize,
        ...(references > 1 ? { references } : {}),
      });
    }
    return l1Index * l2Entries;
  }

  #end(to: number): void {
    if (to === this.#geometry.l2Entries) {
      this.#sink.endTable();
    }
  }
}
