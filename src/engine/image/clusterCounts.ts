import { ClusterSet } from './clusterSet.ts';

/** How often clusters are counted, in a bit a cluster and power of two: most are counted once, or not at all. */
export class ClusterCounts {
  readonly #members = new ClusterSet();
  /** By power of two: the clusters whose count has it. */
  readonly #powers: ClusterSet[] = [];

  /** Counts a cluster `times` times more. */
  add(cluster: number, times: number): void {
    this.#members.add(cluster, 1);
    let rest = times;
    for (let power = 0; rest > 0; power++, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) {
        this.#addPower(cluster, power);
      }
    }
  }

  /** Counts each of `count` clusters from `first` on `times` times more. */
  addRun(first: number, count: number, times = 1): void {
    for (let cluster = first; cluster < first + count; cluster++) {
      this.add(cluster, times);
    }
  }

  /** How often a cluster was counted. */
  count(cluster: number): number {
    return this.#powers.reduce((sum, clusters, power) => sum + (clusters.has(cluster) ? 2 ** power : 0), 0);
  }

  /** The first cluster at or after `from` that was counted; undefined where there is none. */
  next(from: number): number | undefined {
    return this.#members.next(from);
  }

  /** The clusters that were counted, ascending. */
  *[Symbol.iterator](): Iterator<number> {
    for (let cluster = this.next(0); cluster !== undefined; cluster = this.next(cluster + 1)) {
      yield cluster;
    }
  }

  #addPower(cluster: number, from: number): void {
    for (let power = from; ; power++) {
      while (this.#powers.length <= power) {
        this.#powers.push(new ClusterSet());
      }
      const clusters = this.#powers[power];
      if (!clusters?.has(cluster)) {
        clusters?.add(cluster, 1);
        return;
      }
      clusters.remove(cluster, 1);
    }
  }
}
