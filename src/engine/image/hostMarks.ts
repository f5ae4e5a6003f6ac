import { ClusterMarks, markRule } from './clusterMarks.ts';
import { type Owner, owners } from './reference.ts';

/** Bytes of marks at most. */
const mostBytes = 64 * 2 ** 20;

/** Overlaps kept whole. */
const mostOverlaps = 10_000;

/** A run of clusters that belongs to two owners, or twice to one that can't share. */
export interface Overlap {
  readonly cluster: number;
  readonly count: number;
  readonly owner: Owner;
  readonly by: Owner;
}

/** By mark: the owner that it stands for, 0 for none. The last two: of clusters that were marked twice. */
const ownerValues: readonly (Owner | 0)[] = [0, ...Object.values(owners), owners.data, owners.l2Table];
const dataAgain = 13;
const l2TableAgain = 14;

/** By owner: what marking does to a cluster. */
const rules = ownerValues.map((owner) =>
  owner === owners.data
    ? markRule([
        [0, owner],
        [owner, dataAgain],
      ])
    : owner === owners.l2Table
      ? markRule([
          [0, owner],
          [owner, l2TableAgain],
        ])
      : markRule([[0, owner]]),
);
const nothing = markRule([]);

/**
 * Which owner each host cluster has, from cluster `from` on. Where the marks would take too much memory, they end
 * earlier (`to` gets smaller), and another pass over the references starts there.
 */
export class HostMarks {
  readonly #marks: ClusterMarks;
  #overlaps: Overlap[] = [];
  #overlapCount = 0;

  /** Marks for the clusters from `from` to before `to`, in about `most` bytes. */
  constructor(from: number, to: number, most = mostBytes) {
    this.#marks = new ClusterMarks(from, to, most);
  }

  /** The cluster from which the marks start. */
  get from(): number {
    return this.#marks.from;
  }

  /** The cluster before which the marks end. */
  get to(): number {
    return this.#marks.to;
  }

  /** The overlaps: the first ones, if they are very many. */
  get overlaps(): readonly Overlap[] {
    return this.#overlaps;
  }

  /** How many overlaps there are in all. */
  get overlapCount(): number {
    return this.#overlapCount;
  }

  /** Clusters marked, by owner. */
  counts(): number[] {
    const counts = Array.from({ length: 16 }, () => 0);
    this.#marks.eachRun(this.from, this.to, (mark, _cluster, count) => {
      const owner = ownerValues[mark] ?? 0;
      counts[owner] = (counts[owner] ?? 0) + count;
    });
    counts[0] = 0;
    return counts;
  }

  /** Visits the clusters of a range, as far as the marks reach, that have no owner. */
  eachUnowned(from: number, to: number, visit: (cluster: number) => void): void {
    const first = Math.max(from, this.from);
    const end = Math.min(to, this.to);
    if (first < end) {
      this.#marks.eachRun(first, end, (mark, cluster, count) => {
        for (let next = cluster; mark === 0 && next < cluster + count; next++) {
          visit(next);
        }
      });
    }
  }

  /** Visits the runs of clusters of a range, as far as the marks reach, of data or L2 tables that were marked twice. */
  eachAgain(from: number, to: number, visit: (cluster: number, count: number) => void): void {
    const first = Math.max(from, this.from);
    const end = Math.min(to, this.to);
    if (first < end) {
      this.#marks.eachRun(first, end, (mark, cluster, count) => {
        if (mark >= dataAgain) {
          visit(cluster, count);
        }
      });
    }
  }

  /** Marks a run of clusters, as far as the marks reach. The first owner stays: tables come before data. */
  mark(owner: Owner, cluster: number, count: number): void {
    const first = Math.max(cluster, this.from);
    const { to } = this;
    const end = Math.min(cluster + count, to);
    const rule = rules[owner] ?? nothing;
    if (end - first === 1) {
      this.#overlap(first, 1, owner, this.#marks.swap(rule, first));
    } else if (first < end) {
      this.#addOverlaps(first, end, owner);
      this.#marks.apply(rule, first, end - first);
    }
    if (this.to < to) {
      this.#forget();
    }
  }

  #addOverlaps(from: number, to: number, owner: Owner): void {
    this.#marks.eachRun(from, to, (mark, cluster, count) => this.#overlap(cluster, count, owner, mark));
  }

  /** Drops the overlaps past the end of the marks: the next pass finds them again. */
  #forget(): void {
    const kept = this.#overlaps
      .filter(({ cluster }) => cluster < this.to)
      .map((overlap) => ({ ...overlap, count: Math.min(overlap.count, this.to - overlap.cluster) }));
    this.#overlapCount -= this.#overlaps.length - kept.length;
    this.#overlaps = kept;
  }

  /** Clusters with a mark get another owner. */
  #overlap(cluster: number, count: number, owner: Owner, mark: number): void {
    const by = ownerValues[mark] ?? 0;
    if (by === 0 || (by === owner && shared(owner))) {
      return;
    }
    this.#overlapCount++;
    if (this.#overlaps.length < mostOverlaps) {
      this.#overlaps.push({ cluster, count, owner, by });
    }
  }
}

/** Whether a cluster may be referred to more than once: by snapshots, or by neighbours in compressed clusters. */
function shared(owner: Owner): boolean {
  return owner === owners.l2Table || owner === owners.data || owner === owners.compressed;
}
