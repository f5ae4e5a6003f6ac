/** How the clusters of the active layer are used, as qemu-img check counts it (`BlockFragInfo`). */
export interface ClusterUse {
  allocated: number;
  /** Allocated ones that do not lie behind the one before, and compressed ones. */
  fragmented: number;
  compressed: number;
}

/** Nothing is used. */
export function noUse(): ClusterUse {
  return { allocated: 0, fragmented: 0, compressed: 0 };
}

/** Counts what an L2 table uses, entry by entry (`check_refcounts_l2`, CHECK_FRAG_INFO). */
export class UseCounter {
  #use = noUse();
  #next = 0;

  /** The use since the last call; the next entry is the first one of a table. */
  take(): ClusterUse {
    const use = this.#use;
    this.#use = noUse();
    this.#next = 0;
    return use;
  }

  /** `count` clusters in a row from a host offset (bytes) on, which is a number of `clusterSize` bytes each. */
  add(offset: number, count: number, clusterSize: number): void {
    this.#use.allocated += count;
    this.#use.fragmented += this.#next !== 0 && offset !== this.#next ? 1 : 0;
    this.#next = offset + count * clusterSize;
  }

  /** A compressed cluster. */
  addCompressed(): void {
    this.#use.allocated++;
    this.#use.compressed++;
    this.#use.fragmented++;
  }
}

/** Adds `more`, `times` over. */
export function addUse(use: ClusterUse, more: ClusterUse, times = 1): void {
  use.allocated += more.allocated * times;
  use.fragmented += more.fragmented * times;
  use.compressed += more.compressed * times;
}
