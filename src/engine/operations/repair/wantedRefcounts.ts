import type { Draft } from '../../change/draft.ts';
import { maxRefcount, writeRefcount } from '../../format/refcounts.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { writeChanged } from './writeChanged.ts';

/** In place of a refcount: it stays. */
const stays = 0xffff_ffff;

/** Refcounts that are to be written, by the index of their block. Four bytes a cluster of the blocks that change. */
export class WantedRefcounts {
  readonly #geometry: Geometry;
  readonly #blocks = new Map<number, Uint32Array>();

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  /** The indices in the refcount table of the blocks that change, ascending. */
  get indices(): number[] {
    return [...this.#blocks.keys()].sort((a, b) => a - b);
  }

  /** Sets the refcount of a cluster, at most what its width holds. */
  set(cluster: number, refcount: number): void {
    const { refcountBlockEntries: perBlock, refcountOrder } = this.#geometry;
    const index = Math.floor(cluster / perBlock);
    const block = this.#blocks.get(index) ?? new Uint32Array(perBlock).fill(stays);
    this.#blocks.set(index, block);
    block[cluster - index * perBlock] = Math.min(refcount, stays - 1, Number(maxRefcount(refcountOrder)));
  }

  /** Whether a block has a refcount that is not 0. */
  counts(index: number): boolean {
    return this.#blocks.get(index)?.some((refcount) => refcount !== stays && refcount !== 0) === true;
  }

  /** Gives refcount 1 to those clusters of a block, before cluster `end`, to which none was given and that are not `free`. */
  fill(index: number, end: number, free: ClusterSet): void {
    const { refcountBlockEntries: perBlock } = this.#geometry;
    const first = index * perBlock;
    for (let cluster = first; cluster < Math.min(end, first + perBlock); cluster++) {
      if ((this.#blocks.get(index)?.[cluster - first] ?? stays) === stays && !free.has(cluster)) {
        this.set(cluster, 1);
      }
    }
  }

  /** The clusters of a block to which a refcount was given, ascending. */
  *entries(index: number): Generator<{ readonly cluster: number; readonly refcount: number }> {
    const first = index * this.#geometry.refcountBlockEntries;
    for (const [entry, refcount] of this.#blocks.get(index)?.entries() ?? []) {
      if (refcount !== stays) {
        yield { cluster: first + entry, refcount };
      }
    }
  }

  /**
   * Writes a block to a host offset (bytes). `from`: where it is now, the same or another host offset; undefined for one
   * that is not there yet.
   */
  async write(draft: Draft, index: number, at: bigint, from: bigint | undefined): Promise<void> {
    const { clusterSize, refcountOrder } = this.#geometry;
    const before = new Uint8Array(clusterSize);
    if (from !== undefined) {
      await draft.read(from, before);
    }
    const bytes = before.slice();
    for (const { cluster, refcount } of this.entries(index)) {
      writeRefcount(bytes, cluster % this.#geometry.refcountBlockEntries, refcountOrder, refcount);
    }
    if (from === at) {
      await writeChanged(draft, `refcount block ${index}`, at, before, bytes);
    } else {
      await draft.write(`refcount block ${index}`, at, bytes);
    }
  }
}
