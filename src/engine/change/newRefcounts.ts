import { encodeRefcountTableEntry, readRefcount, refcountTableEntryBytes, writeRefcount } from '../format/refcounts.ts';
import { noProgress } from '../ports.ts';
import type { LayerDeltas } from './layerDeltas.ts';
import type { StoredRefcounts } from './storedRefcounts.ts';

/** Clusters that a change takes, or gives back: ascending; one that counts several times is there as often. */
export type ClusterList = Float64Array;

/** New refcount blocks, and where they come to lie. */
export interface BlockPlaces {
  /** Indices in the refcount table, ascending. */
  readonly indices: Float64Array;
  /** By place in `indices`: the cluster, ascending too. */
  readonly clusters: Float64Array;
}

/** What the refcounts of an image will be, block by block: made anew each time, out of the file as it is. */
export class NewRefcounts {
  readonly #stored: StoredRefcounts;
  readonly #deltas: LayerDeltas;
  readonly #taken: ClusterList;
  readonly #released: ClusterList;

  constructor(stored: StoredRefcounts, deltas: LayerDeltas, taken: ClusterList, released: ClusterList) {
    this.#stored = stored;
    this.#deltas = deltas;
    this.#taken = taken;
    this.#released = released;
  }

  /** Fills `into` (a cluster) with a refcount block as it will be. */
  async block(index: number, into: Uint8Array): Promise<void> {
    const { fileClusters, refcountBlockEntries: perBlock, refcountOrder } = this.#stored.geometry;
    const first = index * perBlock;
    await this.#stored.read(index, into);
    if (first < fileClusters) {
      const { counts, from } = await this.#deltas.windowOf(first, noProgress);
      const end = Math.min(perBlock, fileClusters - first);
      addAll(into, refcountOrder, counts.subarray(first - from, first - from + end));
    }
    for (const cluster of within(this.#taken, first, perBlock)) {
      addTo(into, cluster - first, refcountOrder, 1);
    }
    for (const cluster of within(this.#released, first, perBlock)) {
      addTo(into, cluster - first, refcountOrder, -1);
    }
  }
}

/** The refcount table that leads to the blocks as they are, and to new ones where there are such. */
export function newRefcountTable(
  blocks: readonly number[],
  { indices, clusters }: BlockPlaces,
  tableClusters: number,
  clusterSize: number,
): Uint8Array {
  const bytes = new Uint8Array(tableClusters * clusterSize);
  const view = new DataView(bytes.buffer);
  const lead = (index: number, cluster: number): void => {
    const { hi, lo } = encodeRefcountTableEntry(BigInt(cluster) * BigInt(clusterSize));
    view.setUint32(index * refcountTableEntryBytes, hi);
    view.setUint32(index * refcountTableEntryBytes + 4, lo);
  };
  for (const [index, cluster] of blocks.entries()) {
    lead(index, cluster);
  }
  for (const [at, index] of indices.entries()) {
    lead(index, clusters[at] ?? 0);
  }
  return bytes;
}

/** Adds to each refcount of a block, from the first one on. */
function addAll(block: Uint8Array, order: number, deltas: Int32Array): void {
  for (let entry = 0; entry < deltas.length; entry++) {
    const delta = deltas[entry] ?? 0;
    if (delta === 0) {
      continue;
    }
    if (order === 4) {
      // 16 bits, as nearly every image has them: there are millions.
      const at = entry * 2;
      const sum = (block[at] ?? 0) * 256 + (block[at + 1] ?? 0) + delta;
      block[at] = sum >>> 8;
      block[at + 1] = sum & 0xff;
    } else {
      addTo(block, entry, order, delta);
    }
  }
}

function addTo(block: Uint8Array, entry: number, order: number, by: number): void {
  const before = readRefcount(block, entry, order);
  const small = typeof before === 'number' || before < 2n ** 52n;
  writeRefcount(block, entry, order, small ? Number(before) + by : before + BigInt(by));
}

/** The clusters of a list from `first` on, `count` at most. */
function within(list: ClusterList, first: number, count: number): Float64Array {
  return list.subarray(lowerBound(list, first), lowerBound(list, first + count));
}

/** Where in an ascending list the first number of at least `wanted` is. */
function lowerBound(list: ClusterList, wanted: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] ?? 0) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
