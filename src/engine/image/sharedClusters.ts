import { l1EntryBytes, l1Place, l1Unaligned } from '../format/l1.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import type { Progress } from '../ports.ts';
import type { EntryTable } from './entryTables.ts';
import type { ClusterRange } from './extents.ts';
import type { Geometry } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import type { Image } from './image.ts';
import { l2TableOf, nextL2Table } from './l1Table.ts';
import type { Layer } from './layer.ts';
import { activeSource } from './reference.ts';
import { l1TablesOf } from './references.ts';

/** L1 entries of other layers that are compared at a time. */
const mostEntries = 2 ** 20;

/**
 * Visits the guest clusters of a range of a layer whose host clusters another layer has at the same place: what
 * snapshots share. Reads the L1 tables of all layers in the range, and the L2 tables that differ. Never throws for what
 * is in the file.
 */
export async function walkSharedClusters(
  image: Image,
  layer: Layer,
  range: ClusterRange,
  visit: (cluster: number, count: number) => void,
  progress: Progress,
): Promise<void> {
  const { geometry } = layer;
  const own = layer.snapshot ?? activeSource;
  const others = (await l1TablesOf(image, geometry)).filter(({ source }) => source !== own);
  if (others.length === 0) {
    return;
  }
  const { l2Entries } = geometry;
  const end = Math.min(Math.ceil(Math.min(range.to, layer.clusters) / l2Entries), layer.l1.entries);
  const step = Math.max(1, Math.min(4096, Math.floor(mostEntries / others.length)));
  const tables = new TablePair(image, geometry);
  for (let index = Math.floor(range.from / l2Entries); index < end; index += step) {
    const stop = Math.min(end, index + step);
    const same = await othersOf(image, layer, others, index, stop, progress);
    for (const [l1Index, offsets] of same) {
      const first = l1Index * l2Entries;
      const from = Math.max(0, range.from - first);
      const to = Math.min(l2Entries, range.to - first, layer.clusters - first);
      await tables.compare(l2TableOf(layer.l1, l1Index), offsets, from, to, (entry, count) =>
        visit(first + entry, count),
      );
      await progress.step(Math.max(0, first - range.from), range.to - range.from);
    }
  }
}

/** The L2 tables that other layers have for the L1 entries from `from` to `to` for which this layer has one. */
async function othersOf(
  { storage }: Image,
  layer: Layer,
  others: readonly EntryTable[],
  from: number,
  to: number,
  progress: Progress,
): Promise<Map<number, Set<number>>> {
  const found = new Map<number, Set<number>>();
  const { clusterBits } = layer.geometry;
  const bytes = new Uint8Array((to - from) * l1EntryBytes);
  const view = new DataView(bytes.buffer);
  if (nextL2Table(layer.l1, from, to) === to) {
    return found;
  }
  for (const { offset, entries } of others) {
    const stop = Math.min(to, entries);
    if (from < stop) {
      const part = bytes.subarray(0, (stop - from) * l1EntryBytes);
      await readHostBytes(storage, BigInt(offset + from * l1EntryBytes), part);
    }
    for (let index = nextL2Table(layer.l1, from, stop); index < stop; index = nextL2Table(layer.l1, index + 1, stop)) {
      const hi = view.getUint32((index - from) * l1EntryBytes);
      const lo = view.getUint32((index - from) * l1EntryBytes + 4);
      const table = l1Place(hi, lo);
      if (table !== 0 && !l1Unaligned(lo, clusterBits)) {
        const offsets = found.get(index) ?? new Set();
        offsets.add(table);
        found.set(index, offsets);
      }
    }
    await progress.step(0, 0);
  }
  return found;
}

/** Two L2 tables that are compared. */
class TablePair {
  readonly #image: Image;
  readonly #geometry: Geometry;
  readonly #own: DataView;
  readonly #other: DataView;

  constructor(image: Image, geometry: Geometry) {
    this.#image = image;
    this.#geometry = geometry;
    this.#own = new DataView(new ArrayBuffer(geometry.clusterSize));
    this.#other = new DataView(new ArrayBuffer(geometry.clusterSize));
  }

  /** Visits the entries from `from` to `to` (exclusive) of a table that lead where those of one of the others lead. */
  async compare(
    table: number,
    others: ReadonlySet<number>,
    from: number,
    to: number,
    visit: (entry: number, count: number) => void,
  ): Promise<void> {
    if (table % this.#geometry.clusterSize !== 0) {
      return;
    }
    await this.#read(table, this.#own);
    const whole = others.has(table);
    const shared = new Uint8Array(to);
    for (const other of whole ? [table] : others) {
      const view = whole ? this.#own : this.#other;
      if (!whole) {
        await this.#read(other, view);
      }
      for (let entry = from; entry < to; entry++) {
        shared[entry] = shared[entry] === 1 || this.#same(entry, view) ? 1 : 0;
      }
    }
    for (let entry = from; entry < to; ) {
      let end = entry + 1;
      while (end < to && shared[end] === shared[entry]) {
        end++;
      }
      if (shared[entry] === 1) {
        visit(entry, end - entry);
      }
      entry = end;
    }
  }

  async #read(table: number, into: DataView): Promise<void> {
    await readHostBytes(this.#image.storage, BigInt(table), new Uint8Array(into.buffer));
  }

  #same(entry: number, other: DataView): boolean {
    const at = entry * this.#geometry.l2EntryBytes;
    const [hi, lo] = [this.#own.getUint32(at), this.#own.getUint32(at + 4)];
    const [otherHi, otherLo] = [other.getUint32(at), other.getUint32(at + 4)];
    const kind = l2Kind(hi, lo, this.#geometry);
    if (kind === l2Kinds.compressed) {
      // All but COPIED.
      return lo === otherLo && ((hi ^ otherHi) & 0x7fff_ffff) === 0;
    }
    const placed = kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated;
    const otherCompressed = l2Kind(otherHi, otherLo, this.#geometry) === l2Kinds.compressed;
    return placed && !otherCompressed && l2HostOffset(hi, lo) === l2HostOffset(otherHi, otherLo);
  }
}
