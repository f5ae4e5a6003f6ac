import {
  l2Compressed,
  l2Fault,
  l2Faults,
  l2HostOffset,
  subclusterKind,
  subclusterRun,
  subclustersPerCluster,
} from '../format/l2.ts';
import type { Progress, Storage } from '../ports.ts';
import { walkExtents } from './extents.ts';
import { type Geometry, unitOffset } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import { type ExtentKind, extentKinds, type GuestKind, guestKindOf } from './kinds.ts';
import { l2TableOf, unreadableL1 } from './l1Table.ts';
import { type Layer, layerUnits } from './layer.ts';

/**
 * Called for each range of guest bytes that does not read the same in two layers by what their tables say, in guest
 * order. Neighbours of the same two kinds are one range. Undefined: the range is past the end of that layer's disk.
 * Returning false ends the walk.
 */
export type DifferenceVisitor = (
  start: bigint,
  length: bigint,
  a: GuestKind | undefined,
  b: GuestKind | undefined,
) => boolean;

/** What two layers are compared with. */
export interface Comparison {
  readonly storage: Storage;
  readonly a: Layer;
  readonly b: Layer;
  /** Without a backing file, what is unallocated reads as zeros. */
  readonly backing: boolean;
}

/**
 * Walks the guest ranges that differ, from guest offset `from` on. Data counts as the same where it is the same host
 * cluster: bytes are not compared, so that a range may differ and hold equal bytes. L1 entries that lead both layers to
 * one L2 table cost next to nothing. Never throws for what is in the file.
 */
export async function walkDifferences(
  comparison: Comparison,
  from: bigint,
  visit: DifferenceVisitor,
  progress: Progress,
): Promise<void> {
  const ranges = new Ranges(from, visit);
  if (
    (await compareCommon(comparison, from, ranges, progress)) &&
    (await addTail(comparison, from, ranges, progress))
  ) {
    ranges.flush();
  }
}

/** Compares what both disks have; false when the walk shall end. */
async function compareCommon(
  comparison: Comparison,
  from: bigint,
  ranges: Ranges,
  progress: Progress,
): Promise<boolean> {
  const { storage, a, b } = comparison;
  const { geometry } = a;
  const common = a.size < b.size ? a.size : b.size;
  const tableBytes = BigInt(geometry.clusterSize) * BigInt(geometry.l2Entries);
  const end = Number((common + tableBytes - 1n) / tableBytes);
  const first = Number(from / tableBytes);
  const tables = [new TableReader(storage, a), new TableReader(storage, b)] as const;
  const compare = new EntryComparison(geometry, comparison.backing, common, ranges);
  for (let index = first; index < end; index = nextDifference(a, b, index + 1, end)) {
    if (differs(a, b, index)) {
      const [tableA, tableB] = [await tables[0].read(index), await tables[1].read(index)];
      if (!compare.tables(index, tableA, tableB)) {
        return false;
      }
    }
    await progress.step(index - first, end - first);
  }
  return true;
}

/** Adds what only the larger disk has; false when the walk shall end. */
async function addTail(
  { storage, a, b }: Comparison,
  from: bigint,
  ranges: Ranges,
  progress: Progress,
): Promise<boolean> {
  if (a.size === b.size) {
    return true;
  }
  const [longer, common] = a.size > b.size ? [a, b.size] : [b, a.size];
  const start = from > common ? from : common;
  const { geometry } = longer;
  let more = true;
  const add = (kind: GuestKind, at: bigint, to: bigint): boolean => {
    const begin = at > start ? at : start;
    const stop = to < longer.size ? to : longer.size;
    more = begin >= stop || ranges.add(begin, stop, longer === a ? kind : undefined, longer === b ? kind : undefined);
    return more;
  };
  const cluster = Number(start / BigInt(geometry.clusterSize));
  await walkExtents(
    { storage },
    longer,
    { from: cluster, to: longer.clusters },
    (kind, unit, count) => add(guestKindOf(kind), unitOffset(geometry, unit), unitOffset(geometry, unit + count)),
    progress,
  );
  return more && add('wrong', unitOffset(geometry, layerUnits(longer)), longer.size);
}

/** Joins neighbours to ranges. */
class Ranges {
  readonly #from: bigint;
  readonly #visit: DifferenceVisitor;
  #start = 0n;
  #end = 0n;
  #a: GuestKind | undefined;
  #b: GuestKind | undefined;

  constructor(from: bigint, visit: DifferenceVisitor) {
    this.#from = from;
    this.#visit = visit;
  }

  /** Adds guest bytes from `start` to before `end`; false when the walk shall end. */
  add(start: bigint, end: bigint, a: GuestKind | undefined, b: GuestKind | undefined): boolean {
    const begin = start > this.#from ? start : this.#from;
    if (begin >= end) {
      return true;
    }
    if (this.#end === begin && this.#end > this.#start && this.#a === a && this.#b === b) {
      this.#end = end;
      return true;
    }
    const more = this.flush();
    [this.#start, this.#end, this.#a, this.#b] = [begin, end, a, b];
    return more;
  }

  /** Visits the last range; false when the walk shall end. */
  flush(): boolean {
    const [start, end] = [this.#start, this.#end];
    this.#start = end;
    return start === end || this.#visit(start, end - start, this.#a, this.#b);
  }
}

/** The entries of an L2 table; or none, where all are unallocated; or why they are not known. */
type Table = DataView | 'none' | 'wrong';

/** Reads the L2 tables of a layer, one at a time into the same bytes. */
class TableReader {
  readonly #storage: Storage;
  readonly #layer: Layer;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(storage: Storage, layer: Layer) {
    this.#storage = storage;
    this.#layer = layer;
    this.#bytes = new Uint8Array(layer.geometry.clusterSize);
  }

  /** The table of an L1 entry. One with a bad sector is not known at all. */
  async read(index: number): Promise<Table> {
    const { l1, geometry } = this.#layer;
    const table = l2TableOf(l1, index);
    if (index >= l1.entries || unreadableL1(l1, index) || table % geometry.clusterSize !== 0) {
      return 'wrong';
    }
    if (table === 0) {
      return 'none';
    }
    const unreadable = await readHostBytes(this.#storage, BigInt(table), this.#bytes);
    return unreadable.length > 0 ? 'wrong' : new DataView(this.#bytes.buffer);
  }
}

/** Whether the L1 entries of two layers lead to different tables, or may. */
function differs(a: Layer, b: Layer, index: number): boolean {
  return (
    l2TableOf(a.l1, index) !== l2TableOf(b.l1, index) ||
    index >= a.l1.entries !== index >= b.l1.entries ||
    unreadableL1(a.l1, index) !== undefined ||
    unreadableL1(b.l1, index) !== undefined
  );
}

/** The next L1 index from `index` on, below `end`, at which the layers differ; at most 65536 entries further on. */
function nextDifference(a: Layer, b: Layer, index: number, end: number): number {
  const stop = Math.min(end, index + 65536);
  let next = index;
  while (next < stop && !differs(a, b, next)) {
    next++;
  }
  return next;
}

/** Compares the entries of two L2 tables. */
class EntryComparison {
  readonly #geometry: Geometry;
  readonly #backing: boolean;
  readonly #common: bigint;
  readonly #ranges: Ranges;

  constructor(geometry: Geometry, backing: boolean, common: bigint, ranges: Ranges) {
    this.#geometry = geometry;
    this.#backing = backing;
    this.#common = common;
    this.#ranges = ranges;
  }

  /** Compares the tables of an L1 entry; false when the walk shall end. */
  tables(l1Index: number, a: Table, b: Table): boolean {
    const { l2Entries, l2EntryBytes, clusterUnits, extended } = this.#geometry;
    for (let index = 0; index < l2Entries; index++) {
      const at = index * l2EntryBytes;
      if (typeof a !== 'string' && typeof b !== 'string' && sameEntry(a, b, at, extended)) {
        continue;
      }
      const cluster = l1Index * l2Entries + index;
      for (let sub = 0; sub < clusterUnits; ) {
        const first = this.#unit(a, at, cluster, sub);
        const second = this.#unit(b, at, cluster, sub);
        const count = Math.min(first.count, second.count);
        if (!this.#same(first, second) && !this.#add(cluster * clusterUnits + sub, count, first.kind, second.kind)) {
          return false;
        }
        sub += count;
      }
    }
    return true;
  }

  #add(unit: number, count: number, a: ExtentKind, b: ExtentKind): boolean {
    const start = unitOffset(this.#geometry, unit);
    const end = unitOffset(this.#geometry, unit + count);
    return this.#ranges.add(start, end < this.#common ? end : this.#common, guestKindOf(a), guestKindOf(b));
  }

  #unit(table: Table, at: number, cluster: number, sub: number): Unit {
    const { clusterUnits, clusterSize, extended } = this.#geometry;
    if (typeof table === 'string') {
      const kind = table === 'wrong' ? extentKinds.unreadable : extentKinds.unallocatedPlain;
      return { kind, count: clusterUnits - sub, hi: 0, lo: 0 };
    }
    const hi = table.getUint32(at);
    const lo = table.getUint32(at + 4);
    const zero = extended ? table.getUint32(at + 8) : 0;
    const alloc = extended ? table.getUint32(at + 12) : 0;
    if (l2Fault(hi, lo, alloc, zero, cluster * clusterSize, this.#geometry) !== l2Faults.none) {
      return { kind: extentKinds.invalid, count: clusterUnits - sub, hi, lo };
    }
    const kind = subclusterKind(hi, lo, alloc, zero, sub, this.#geometry);
    const count = extended ? subclusterRun(hi, lo, alloc, zero, sub, this.#geometry) : 1;
    return { kind, count: Math.min(count, subclustersPerCluster - sub), hi, lo };
  }

  /** Whether two units read the same. */
  #same(a: Unit, b: Unit): boolean {
    const kinds = [this.#readsAs(a.kind), this.#readsAs(b.kind)];
    if (kinds[0] !== kinds[1]) {
      return false;
    }
    switch (kinds[0]) {
      case 'data':
        return l2HostOffset(a.hi, a.lo) === l2HostOffset(b.hi, b.lo);
      case 'compressed':
        return (a.hi & 0x3fff_ffff) === (b.hi & 0x3fff_ffff) && a.lo === b.lo;
      default:
        return true;
    }
  }

  #readsAs(kind: ExtentKind): GuestKind | 'zero' {
    const guest = guestKindOf(kind);
    const zero = guest === 'zero-allocated' || guest === 'zero-plain' || (guest === 'unallocated' && !this.#backing);
    return zero ? 'zero' : guest;
  }
}

/** A run of units of one kind, with the words of its entry. */
interface Unit {
  readonly kind: ExtentKind;
  readonly count: number;
  readonly hi: number;
  readonly lo: number;
}

/** Whether two entries are the same but for COPIED. */
function sameEntry(a: DataView, b: DataView, at: number, extended: boolean): boolean {
  const hi = a.getUint32(at);
  const copied = l2Compressed(hi) ? 0 : 0x8000_0000;
  return (
    ((hi ^ b.getUint32(at)) & ~copied) === 0 &&
    a.getUint32(at + 4) === b.getUint32(at + 4) &&
    (!extended || (a.getUint32(at + 8) === b.getUint32(at + 8) && a.getUint32(at + 12) === b.getUint32(at + 12)))
  );
}
