import { l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import type { Geometry } from './geometry.ts';
import { runLength } from './l2References.ts';

/**
 * Called for guest clusters with a place in the file: `count` of them from `cluster` on. `fragmented`: how many of them
 * are; where it is 1, the first one.
 */
export type FragmentVisitor = (cluster: number, count: number, fragmented: number) => void;

/**
 * Counts the clusters that QEMU's check counts as allocated and as fragmented (check_refcounts_l2): those whose host
 * offset is not that after the one before them in their L2 table, and all compressed ones.
 */
export class Fragments {
  readonly #geometry: Geometry;
  readonly #visit: FragmentVisitor;
  #table = -1;
  /** Host offset in bytes after the last cluster of the table; 0 before the first one. */
  #next = 0;

  constructor(geometry: Geometry, visit: FragmentVisitor) {
    this.#geometry = geometry;
    this.#visit = visit;
  }

  /** Adds entries `from` to `to` (exclusive) of the L2 table of an L1 entry: the first one is at byte `at` of `view`. */
  add(l1Index: number, from: number, to: number, view: DataView, at: number): void {
    const { l2Entries, l2EntryBytes, clusterSize, extended, dataFile } = this.#geometry;
    if (l1Index !== this.#table) {
      this.#table = l1Index;
      this.#next = 0;
    }
    const first = l1Index * l2Entries;
    const stop = at + (to - from) * l2EntryBytes;
    for (let index = from; index < to; ) {
      const entry = at + (index - from) * l2EntryBytes;
      const hi = view.getUint32(entry);
      const lo = view.getUint32(entry + 4);
      const kind = l2Kind(hi, lo, this.#geometry);
      const zero = extended ? view.getUint32(entry + 8) : 0;
      const alloc = extended ? view.getUint32(entry + 12) : 0;
      let count = 1;
      if (kind === l2Kinds.compressed) {
        if (!dataFile && (zero | alloc) === 0) {
          this.#visit(first + index, 1, 1);
        }
      } else if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
        const offset = l2HostOffset(hi, lo);
        count = runLength(this.#geometry, view, entry, stop);
        this.#visit(first + index, count, this.#next !== 0 && offset !== this.#next ? 1 : 0);
        this.#next = offset + count * clusterSize;
      }
      index += count;
    }
  }
}
