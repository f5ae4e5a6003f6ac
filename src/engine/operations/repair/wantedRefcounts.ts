import type { Draft } from '../../change/draft.ts';
import { maxRefcount, writeRefcount } from '../../format/refcounts.ts';
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

  /** Gives refcount 1 to those clusters of a block, before cluster `end`, to which none was given. */
  fill(index: number, end: number): void {
    const { refcountBlockEntries: perBlock } = this.#geometry;
    const first = index * perBlock;
    for (let cluster = first; cluster < Math.min(end, first + perBlock); cluster++) {
      if ((this.#blocks.get(index)?.[cluster - first] ?? stays) === stays) {
        this.set(cluster, 1);
      }
    }
  }

  /** Writes a block that lies at a host offset (bytes). `isNew`: nothing of what is there counts. */
  async write(draft: Draft, index: number, at: bigint, isNew: boolean): Promise<void> {
    const { clusterSize, refcountOrder } = this.#geometry;
    const before = new Uint8Array(clusterSize);
    if (!isNew) {
      await draft.read(at, before);
    }
    const bytes = before.slice();
    for (const [entry, refcount] of this.#blocks.get(index)?.entries() ?? []) {
      if (refcount !== stays) {
        writeRefcount(bytes, entry, refcountOrder, refcount);
      }
    }
    if (isNew) {
      await draft.write(`refcount block ${index}`, at, bytes);
    } else {
      await writeChanged(draft, `refcount block ${index}`, at, before, bytes);
    }
  }
}
