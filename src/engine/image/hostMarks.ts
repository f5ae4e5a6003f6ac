import { type Owner, owners } from './reference.ts';

/** Clusters of a page of marks: 8 KiB, four bits a cluster. */
const pageClusters = 2 ** 14;

/** Pages in memory at most: 48 MiB of marks. */
const mostPages = 6144;

/** Overlaps kept whole. */
const mostOverlaps = 10_000;

/** A run of clusters that belongs to two owners, or twice to one that can't share. */
export interface Overlap {
  readonly cluster: number;
  readonly count: number;
  readonly owner: Owner;
  readonly by: Owner;
}

/**
 * Which owner each host cluster has, from cluster `from` on. Only pages with marks take memory; where they are too many,
 * the marks end earlier (`to` gets smaller), and another pass over the references starts there.
 */
export class HostMarks {
  readonly from: number;
  #to: number;
  #overlaps: Overlap[] = [];
  #overlapCount = 0;
  readonly #most: number;
  readonly #pages = new Map<number, Uint8Array>();
  #lastIndex = -1;
  #last: Uint8Array | undefined;

  /** Marks for the clusters from `from` to before `to`, in at most `most` pages. */
  constructor(from: number, to: number, most = mostPages) {
    this.from = from;
    this.#to = to;
    this.#most = most;
  }

  /** The cluster before which the marks end. */
  get to(): number {
    return this.#to;
  }

  /** The overlaps: the first ones, if they are very many. */
  get overlaps(): readonly Overlap[] {
    return this.#overlaps;
  }

  /** How many overlaps there are in all. */
  get overlapCount(): number {
    return this.#overlapCount;
  }

  /** The owner of a cluster; 0 for none. */
  ownerOf(cluster: number): Owner | 0 {
    const index = Math.floor(cluster / pageClusters);
    const page = index === this.#lastIndex ? this.#last : this.#pages.get(index);
    return page ? markOf(page, cluster - index * pageClusters) : 0;
  }

  /** Clusters marked, by owner. */
  counts(): number[] {
    const pairs = new Float64Array(256);
    for (const page of this.#pages.values()) {
      for (const pair of page) {
        pairs[pair] = (pairs[pair] ?? 0) + 1;
      }
    }
    const counts = Array.from({ length: 16 }, () => 0);
    for (const [pair, count] of pairs.entries()) {
      counts[pair & 15] = (counts[pair & 15] ?? 0) + count;
      counts[pair >>> 4] = (counts[pair >>> 4] ?? 0) + count;
    }
    counts[0] = 0;
    return counts;
  }

  /** Visits the clusters of a range, as far as the marks reach, that have no owner. */
  eachUnowned(from: number, to: number, visit: (cluster: number) => void): void {
    const end = Math.min(to, this.#to);
    for (let cluster = Math.max(from, this.from); cluster < end; ) {
      const index = Math.floor(cluster / pageClusters);
      const page = this.#pages.get(index);
      const stop = Math.min((index + 1) * pageClusters, end);
      for (; cluster < stop; cluster++) {
        if (!page || markOf(page, cluster - index * pageClusters) === 0) {
          visit(cluster);
        }
      }
    }
  }

  /** Marks a run of clusters, as far as the marks reach. The first owner stays: tables come before data. */
  mark(owner: Owner, cluster: number, count: number): void {
    let by: Owner | 0 = 0;
    let first = 0;
    let next = Math.max(cluster, this.from);
    while (next < Math.min(cluster + count, this.#to)) {
      const free = this.#fill(owner, next, Math.min(cluster + count, this.#to));
      if (free > 0) {
        this.#overlap(first, next - first, owner, by);
        by = 0;
        next += free;
        continue;
      }
      const before = this.#take(next, owner);
      const taken = before !== owner || !shared(owner) ? before : 0;
      if (taken !== by) {
        this.#overlap(first, next - first, owner, by);
        by = taken;
        first = next;
      }
      next++;
    }
    this.#overlap(first, next - first, owner, by);
  }

  /** Marks the clusters from an even one on, two at a time, as long as none has an owner; returns how many. */
  #fill(owner: Owner, from: number, end: number): number {
    const index = Math.floor(from / pageClusters);
    const page = index === this.#lastIndex && this.#last ? this.#last : this.#page(index);
    const place = from - index * pageClusters;
    const stop = Math.min(end - index * pageClusters, pageClusters) - 1;
    let at = place;
    if ((at & 1) === 0 && from < this.#to) {
      while (at < stop && page[at >>> 1] === 0) {
        page[at >>> 1] = owner | (owner << 4);
        at += 2;
      }
    }
    return at - place;
  }

  /** The owner that the cluster had; marks it where it had none. */
  #take(cluster: number, owner: Owner): Owner | 0 {
    const index = Math.floor(cluster / pageClusters);
    const page = index === this.#lastIndex && this.#last ? this.#last : this.#page(index);
    const place = cluster - index * pageClusters;
    const before = markOf(page, place);
    if (before === 0) {
      const at = place >>> 1;
      page[at] = (page[at] ?? 0) | ((place & 1) === 0 ? owner : owner << 4);
    }
    return before;
  }

  #page(index: number): Uint8Array {
    const page = this.#pages.get(index) ?? new Uint8Array(pageClusters / 2);
    this.#pages.set(index, page);
    this.#lastIndex = index;
    this.#last = page;
    if (this.#pages.size > this.#most) {
      this.#shrink();
    }
    return page;
  }

  /** Gives up the upper half of the pages. */
  #shrink(): void {
    const indices = Float64Array.from(this.#pages.keys()).sort();
    const dropped = indices.subarray(indices.length >>> 1);
    for (const index of dropped) {
      this.#pages.delete(index);
    }
    this.#to = Math.max(this.from + 1, (dropped[0] ?? 0) * pageClusters);
    const kept = this.#overlaps.filter(({ cluster }) => cluster < this.#to);
    this.#overlapCount -= this.#overlaps.length - kept.length;
    this.#overlaps = kept;
    this.#lastIndex = -1;
  }

  #overlap(cluster: number, count: number, owner: Owner, by: Owner | 0): void {
    if (by === 0 || cluster >= this.#to) {
      return;
    }
    this.#overlapCount++;
    if (this.#overlaps.length < mostOverlaps) {
      this.#overlaps.push({ cluster, count: Math.min(count, this.#to - cluster), owner, by });
    }
  }
}

/** By mark. */
const ownerValues: readonly (Owner | 0)[] = [0, ...Object.values(owners)];

function markOf(page: Uint8Array, place: number): Owner | 0 {
  const pair = page[place >>> 1] ?? 0;
  return ownerValues[(place & 1) === 0 ? pair & 15 : pair >>> 4] ?? 0;
}

/** Whether a cluster may be referred to more than once: by snapshots, or by neighbours in compressed clusters. */
function shared(owner: Owner): boolean {
  return owner === owners.l2Table || owner === owners.data || owner === owners.compressed;
}
