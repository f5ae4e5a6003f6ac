import {
  l2Compressed,
  l2Fault,
  l2Faults,
  l2HostOffset,
  subclusterKind,
  subclusterRun,
  subclustersPerCluster,
} from '../format/l2.ts';
import type { Storage } from '../ports.ts';
import { type Geometry, unitOffset } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import { type ExtentKind, extentKinds, type GuestKind, guestKindOf } from './kinds.ts';
import { l2TableOf, unreadableL1 } from './l1Table.ts';
import type { Layer } from './layer.ts';

/** L2 entries that are compared at once. */
export const comparedEntries = 4096;

/** Takes guest bytes from `start` to before `end` that do not read the same; false when there shall be no more. */
export type DifferenceSink = (start: bigint, end: bigint, a: GuestKind, b: GuestKind) => boolean;

/** The entries of an L2 table; or none, where all are unallocated; or why they are not known. */
export type L2Content = DataView | 'none' | 'wrong';

/** Reads the L2 tables of a layer, one at a time into the same bytes. */
export class L2Reader {
  readonly #storage: Storage;
  readonly #layer: Layer;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(storage: Storage, layer: Layer) {
    this.#storage = storage;
    this.#layer = layer;
    this.#bytes = new Uint8Array(layer.geometry.clusterSize);
  }

  /** The table of an L1 entry. One with a bad sector is not known at all. */
  async read(index: number): Promise<L2Content> {
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

/** Compares the entries of two L2 tables. */
export class L2Comparison {
  readonly #geometry: Geometry;
  readonly #backing: boolean;
  readonly #common: bigint;
  readonly #sink: DifferenceSink;

  /**
   * @param backing - without a backing file, what is unallocated reads as zeros
   * @param common - guest bytes that both disks have
   * @param sink - takes what differs
   */
  constructor(geometry: Geometry, backing: boolean, common: bigint, sink: DifferenceSink) {
    this.#geometry = geometry;
    this.#backing = backing;
    this.#common = common;
    this.#sink = sink;
  }

  /** Compares some entries from `from` on of the tables of an L1 entry; false when the walk shall end. */
  entries(l1Index: number, from: number, a: L2Content, b: L2Content): boolean {
    const { l2Entries, l2EntryBytes, clusterUnits, extended } = this.#geometry;
    for (let index = from; index < Math.min(l2Entries, from + comparedEntries); index++) {
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
    return this.#sink(start, end < this.#common ? end : this.#common, guestKindOf(a), guestKindOf(b));
  }

  #unit(table: L2Content, at: number, cluster: number, sub: number): Unit {
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
