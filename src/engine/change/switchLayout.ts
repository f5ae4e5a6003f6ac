import { Qcow2Error } from '../error.ts';
import { refcountTableEntryBytes } from '../format/refcounts.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import { limits } from '../limits.ts';
import type { BlockPlaces } from './newRefcounts.ts';
import type { StoredRefcounts } from './storedRefcounts.ts';

/** Room that a refcount table is given when it has outgrown its clusters: QEMU's half as much again. */
const tableRoom = 1.5;

/** A run of clusters. */
export interface ClusterRun {
  readonly start: number;
  readonly clusters: number;
}

/**
 * Finds places for what a change writes anew, among the clusters that are free, and so that every refcount block in which
 * a refcount changes gets a new place too: also those that count the new blocks themselves, and the old ones.
 */
export class SwitchLayout {
  /** What is in use, or taken. */
  readonly #used: ClusterSet;
  /** All clusters before this one are in use. */
  #next = 0;
  readonly #stored: StoredRefcounts;
  /** Indices of the blocks that change. */
  readonly #changed: Set<number>;
  /** Those of them that have no new place yet. */
  readonly #open: number[];
  readonly #blockClusters: number[] = [];
  #highest: number;

  /**
   * @param used - the clusters that anything refers to; those that are taken are put in
   * @param changed - indices of the blocks that change in any case
   */
  constructor(used: ClusterSet, stored: StoredRefcounts, changed: ReadonlySet<number>) {
    this.#used = used;
    this.#stored = stored;
    this.#changed = new Set(changed);
    this.#open = [...changed];
    this.#highest = this.#open.reduce((highest, index) => Math.max(highest, index), 0);
  }

  /** Takes the first `count` clusters in a row that are free: nothing refers to them, and their refcount is 0. */
  async take(count: number): Promise<ClusterRun> {
    if (count === 0) {
      return { start: 0, clusters: 0 };
    }
    let start = this.#used.firstFree(this.#next, count);
    for (let leaked = await this.#leaked(start, count); leaked !== undefined; ) {
      start = this.#used.firstFree(leaked + 1, count);
      leaked = await this.#leaked(start, count);
    }
    this.#used.add(start, count);
    this.#next = count === 1 ? start + 1 : this.#next;
    this.touch({ start, clusters: count });
    return { start, clusters: count };
  }

  /** The first cluster of a run whose refcount is not 0, though nothing refers to it. */
  async #leaked(start: number, count: number): Promise<number | undefined> {
    for (let cluster = start; cluster < start + count; cluster++) {
      if (Number(await this.#stored.refcount(cluster)) !== 0) {
        return cluster;
      }
    }
    return undefined;
  }

  /** Takes `count` free clusters, wherever they are: ascending. */
  async takeSingles(count: number): Promise<Float64Array> {
    const clusters = new Float64Array(count);
    for (let index = 0; index < count; index++) {
      clusters[index] = (await this.take(1)).start;
    }
    return clusters;
  }

  /** The refcounts of a run change. */
  touch({ start, clusters }: ClusterRun): void {
    for (let cluster = start; cluster < start + clusters; cluster++) {
      const index = this.#stored.blockOf(cluster);
      if (!this.#changed.has(index)) {
        this.#changed.add(index);
        this.#open.push(index);
        this.#highest = Math.max(this.#highest, index);
      }
    }
  }

  /**
   * Places for the refcount table and the blocks: the last thing to be asked for. Throws `too-large` where the table
   * outgrows what the format allows.
   *
   * @param former - the refcount table as it is
   * @param least - clusters that the new one gets at least
   */
  async takeRefcounts(
    former: ClusterRun,
    least = former.clusters,
  ): Promise<{ table: ClusterRun; blocks: BlockPlaces }> {
    const { clusterSize } = this.#stored.geometry;
    this.touch(former);
    for (let clusters = least; ; ) {
      const table = await this.take(clusters);
      await this.#placeBlocks();
      const entries = this.#highest + 1;
      if (entries * refcountTableEntryBytes <= clusters * clusterSize) {
        return { table, blocks: this.#places() };
      }
      this.#used.remove(table.start, clusters);
      clusters = Math.ceil((entries * tableRoom * refcountTableEntryBytes) / clusterSize);
      if (clusters * clusterSize > limits.refcountTableBytes) {
        throw new Qcow2Error('too-large', 'The image needs a refcount table of more than 8 MiB. Use larger clusters.', {
          system: 'EFBIG',
        });
      }
    }
  }

  async #placeBlocks(): Promise<void> {
    for (let index = this.#open.pop(); index !== undefined; index = this.#open.pop()) {
      const old = this.#stored.blocks[index] ?? 0;
      this.touch({ start: old, clusters: old === 0 ? 0 : 1 });
      this.#blockClusters.push((await this.take(1)).start);
    }
  }

  #places(): BlockPlaces {
    return {
      indices: Float64Array.from(this.#changed).sort(),
      clusters: Float64Array.from(this.#blockClusters).sort(),
    };
  }
}
