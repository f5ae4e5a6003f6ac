/** Clusters of a page of marks: 16 KiB, a byte a cluster. */
const pageClusters = 2 ** 14;

/** Bytes of marks in memory at most. */
const mostBytes = 64 * 2 ** 20;

/** Bytes that a count beyond the mark's own bits takes, about. */
const overflowBytes = 64;

/** Who else refers to a cluster: bits of its mark. */
export const sharers = { active: 0x80, others: 0x40 } as const;

/** One of `sharers`. */
export type Sharer = (typeof sharers)[keyof typeof sharers];

/** The cluster is one of a table; else of data. */
const tableBit = 0x20;
/** How often the cluster is referred to; this many and more are counted beside. */
const countBits = 0x1f;

/** What is known of a cluster that a snapshot refers to. */
export interface Mark {
  readonly cluster: number;
  /** How often the snapshot refers to it. */
  readonly count: number;
  readonly table: boolean;
  readonly active: boolean;
  readonly others: boolean;
}

/**
 * The host clusters that one snapshot refers to, from cluster `from` on, and who else does. Only pages with marks take
 * memory; where they are too many, the marks end earlier (`to` gets smaller), and another pass starts there.
 */
export class ShareMarks {
  readonly from: number;
  #to: number;
  readonly #most: number;
  readonly #pages = new Map<number, Uint8Array>();
  readonly #overflow = new Map<number, number>();

  /** Marks for the clusters from `from` to before `to`, in about `most` bytes. */
  constructor(from: number, to: number, most = mostBytes) {
    this.from = from;
    this.#to = to;
    this.#most = most;
  }

  /** The cluster before which the marks end. */
  get to(): number {
    return this.#to;
  }

  /** The snapshot refers to a run of clusters, `references` times each. */
  own(cluster: number, count: number, references: number, table: boolean): void {
    const kind = table ? tableBit : 0;
    for (let next = Math.max(cluster, this.from); next < Math.min(cluster + count, this.#to); ) {
      const index = Math.floor(next / pageClusters);
      const page = this.#page(index);
      const base = index * pageClusters;
      const stop = Math.min(cluster + count, this.#to, base + pageClusters);
      for (; next < stop; next++) {
        const mark = page[next - base] ?? 0;
        const before = mark & countBits;
        const sum = before + references;
        if (sum >= countBits) {
          this.#overflow.set(next, (before === countBits ? (this.#overflow.get(next) ?? 0) : before) + references);
        }
        page[next - base] = (mark & ~countBits) | kind | Math.min(sum, countBits);
      }
      this.#shrinkIfFull();
    }
  }

  /** Somebody else refers to a run of clusters; those that the snapshot does not refer to stay without a mark. */
  shared(cluster: number, count: number, by: Sharer): void {
    const end = Math.min(cluster + count, this.#to);
    for (let next = Math.max(cluster, this.from); next < end; ) {
      const index = Math.floor(next / pageClusters);
      const base = index * pageClusters;
      const stop = Math.min(end, base + pageClusters);
      const page = this.#pages.get(index);
      for (; page && next < stop; next++) {
        const mark = page[next - base] ?? 0;
        page[next - base] = mark === 0 ? 0 : mark | by;
      }
      next = stop;
    }
  }

  /** The clusters that the snapshot refers to, in the file's order. */
  *[Symbol.iterator](): Iterator<Mark> {
    for (const index of Float64Array.from(this.#pages.keys()).sort()) {
      const base = index * pageClusters;
      for (const [place, mark] of (this.#pages.get(index) ?? new Uint8Array(0)).entries()) {
        const cluster = base + place;
        if (mark !== 0 && cluster < this.#to) {
          const count = mark & countBits;
          yield {
            cluster,
            count: count === countBits ? (this.#overflow.get(cluster) ?? count) : count,
            table: (mark & tableBit) !== 0,
            active: (mark & sharers.active) !== 0,
            others: (mark & sharers.others) !== 0,
          };
        }
      }
    }
  }

  #page(index: number): Uint8Array {
    const page = this.#pages.get(index) ?? new Uint8Array(pageClusters);
    this.#pages.set(index, page);
    return page;
  }

  /** Gives up the upper half of the pages where they take too much memory. */
  #shrinkIfFull(): void {
    const bytes = this.#pages.size * pageClusters + this.#overflow.size * overflowBytes;
    if (bytes <= this.#most || this.#pages.size < 2) {
      return;
    }
    const indices = Float64Array.from(this.#pages.keys()).sort();
    const dropped = indices.subarray(indices.length >>> 1);
    for (const index of dropped) {
      this.#pages.delete(index);
    }
    this.#to = (dropped[0] ?? 0) * pageClusters;
    for (const cluster of this.#overflow.keys()) {
      if (cluster >= this.#to) {
        this.#overflow.delete(cluster);
      }
    }
  }
}
