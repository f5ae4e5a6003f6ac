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
  readonly #room: number;
  #why = '';
  readonly #referred = new ClusterSet();
  readonly #taken = new ClusterSet();

  /** `fixedSize`: of a device, which has no room behind its end. */
  constructor({ fileClusters, clusterSize }: Geometry, fixedSize = false) {
    this.start = fileClusters;
    this.#next = fileClusters;
    this.#clusterSize = clusterSize;
    this.#room = fixedSize ? 0 : window;
  }

  /** Why what is new is not put into the file, as a sentence: told where there is no room behind it. */
  refuse(why: string | undefined): void {
    this.#why = why ?? '';
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

  /** Takes `count` clusters in a row and returns the first. Throws `too-large`, and `refused` where a device has no room. */
  take(count: number): number {
    const first = this.next(count);
    this.#next = first + count;
    if (count > this.#room) {
      throw new Qcow2Error(
        'refused',
        `The repair needs new clusters behind the end of the image, where the device has no room, since it is not sure which others are free. ${this.#why}`.trim() +
          ' Copy the image to a file, and repair that.',
      );
    }
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
