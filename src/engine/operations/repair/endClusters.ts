import { Qcow2Error } from '../../error.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { limits } from '../../limits.ts';

/** Clusters past the end of the file that are told apart. */
const window = 2 ** 24;

/**
 * New clusters behind everything in the file. A repair takes only such: of what lies in a broken file nothing is surely
 * free. Clusters past the end that something refers to are left out, so that no broken entry gets to share one.
 */
export class EndClusters {
  /** The first one that may be taken. */
  readonly start: number;
  #next: number;
  readonly #clusterSize: number;
  readonly #referred = new ClusterSet();
  readonly #taken = new ClusterSet();

  constructor({ fileClusters, clusterSize }: Geometry) {
    this.start = fileClusters;
    this.#next = fileClusters;
    this.#clusterSize = clusterSize;
  }

  /** The cluster behind the last one that was taken. */
  get end(): number {
    return this.#next;
  }

  /** Whether a cluster was taken here. */
  has(cluster: number): boolean {
    return cluster >= this.start && this.#taken.has(cluster - this.start);
  }

  /** Something that was there before leads to clusters past the end of the file. */
  refer(cluster: number, count: number): void {
    const first = Math.max(0, cluster - this.start);
    const end = Math.min(window, cluster + count - this.start);
    if (first < end) {
      this.#referred.add(first, end - first);
    }
  }

  /** Whether something leads to a cluster past the end of the file. */
  isReferred(cluster: number): boolean {
    return cluster >= this.start && this.#referred.has(cluster - this.start);
  }

  /** The first of `count` clusters in a row that `take` would take. */
  next(count: number): number {
    return this.start + this.#referred.firstFree(this.#next - this.start, count);
  }

  /** Takes `count` clusters in a row and returns the first. Throws `too-large`. */
  take(count: number): number {
    const first = this.next(count);
    this.#next = first + count;
    if (this.#next - this.start > window || BigInt(this.#next) * BigInt(this.#clusterSize) > limits.fileEnd) {
      throw new Qcow2Error(
        'too-large',
        'The repair needs more new clusters than can be taken at once. Save the guest’s data with qcow2 salvage instead.',
      );
    }
    this.#taken.add(first - this.start, count);
    return first;
  }
}
