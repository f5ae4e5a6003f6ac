import { Qcow2Error } from '../error.ts';

/** Clusters of a window: 128 MiB of counts. All of a disk of 1 TiB in clusters of 64 KiB lies in one. */
const mostClusters = 2 ** 25;

/** What a count can be at most, either way: they are 32 bits. */
const mostCount = 2 ** 31 - 1;

/**
 * A number for each cluster of a part of the file: how often something refers to it, or by how much that changes. Memory
 * is bounded: what is beyond the window is left out, and counted when the window is there.
 */
export class CountWindow {
  /** Clusters that a window has at most. */
  readonly size: number;
  /** The first cluster, and the one after the last. */
  from = 0;
  to = 0;
  #counts = new Int32Array(0);

  /** `size`: a multiple of the clusters that a refcount block counts, so that no block is in two windows. */
  constructor(size: number = mostClusters) {
    this.size = size;
  }

  /** By cluster, from `from` on. */
  get counts(): Int32Array {
    return this.#counts.subarray(0, this.to - this.from);
  }

  /** Has the window start at a cluster, and end before `end` at the latest; all counts are 0 then. */
  start(from: number, end: number): void {
    this.from = from;
    this.to = Math.min(from + this.size, end);
    const length = this.to - this.from;
    if (this.#counts.length < length) {
      this.#counts = new Int32Array(length);
    } else {
      this.#counts.fill(0, 0, length);
    }
  }

  /** Adds `by` to the numbers of `count` clusters from `first` on. Throws `too-large` where they become unwieldy. */
  add(first: number, count: number, by: number): void {
    const counts = this.#counts;
    const end = Math.min(first + count, this.to) - this.from;
    for (let at = Math.max(first, this.from) - this.from; at < end; at++) {
      const sum = (counts[at] ?? 0) + by;
      counts[at] = sum;
      if (sum > mostCount || sum < -mostCount) {
        throw new Qcow2Error(
          'too-large',
          `Cluster ${this.from + at} is referred to more than 2 147 483 647 times: more than can be counted here.`,
        );
      }
    }
  }
}
