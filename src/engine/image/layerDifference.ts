import type { Progress, Storage } from '../ports.ts';
import { walkExtents } from './extents.ts';
import { unitOffset } from './geometry.ts';
import { type GuestKind, guestKindOf } from './kinds.ts';
import { l2TableOf, unreadableL1 } from './l1Table.ts';
import { comparedEntries, L2Comparison, L2Reader } from './l2Comparison.ts';
import { type Layer, layerUnits } from './layer.ts';

/**
 * Called for each range of guest bytes that does not read the same in two layers by what their tables say, in guest
 * order. Neighbours of the same two kinds are one range. Undefined: the range is past the end of that layer's disk.
 * Returning false ends the walk.
 */
export type DifferenceVisitor = (
  start: bigint,
  length: bigint,
  a: GuestKind | undefined,
  b: GuestKind | undefined,
) => boolean;

/** What two layers are compared with. */
export interface Comparison {
  readonly storage: Storage;
  readonly a: Layer;
  readonly b: Layer;
  /** Without a backing file, what is unallocated reads as zeros. */
  readonly backing: boolean;
}

/**
 * Walks the guest ranges that differ, from guest offset `from` on. Data counts as the same where it is the same host
 * cluster: bytes are not compared, so that a range may differ and hold equal bytes. L1 entries that lead both layers to
 * one L2 table cost next to nothing. Never throws for what is in the file.
 */
export async function walkDifferences(
  comparison: Comparison,
  from: bigint,
  visit: DifferenceVisitor,
  progress: Progress,
): Promise<void> {
  const ranges = new Ranges(from, visit);
  if (
    (await compareCommon(comparison, from, ranges, progress)) &&
    (await addTail(comparison, from, ranges, progress))
  ) {
    ranges.flush();
  }
}

/** Compares what both disks have; false when the walk shall end. */
async function compareCommon(
  comparison: Comparison,
  from: bigint,
  ranges: Ranges,
  progress: Progress,
): Promise<boolean> {
  const { storage, a, b } = comparison;
  const { geometry } = a;
  const common = a.size < b.size ? a.size : b.size;
  const tableBytes = BigInt(geometry.clusterSize) * BigInt(geometry.l2Entries);
  const end = Number((common + tableBytes - 1n) / tableBytes);
  const first = Number(from / tableBytes);
  const tables = [new L2Reader(storage, a), new L2Reader(storage, b)] as const;
  const compare = new L2Comparison(geometry, comparison.backing, common, (...range) => ranges.add(...range));
  for (let index = first; index < end; index = nextDifference(a, b, index + 1, end)) {
    if (differs(a, b, index)) {
      const [tableA, tableB] = [await tables[0].read(index), await tables[1].read(index)];
      for (let entry = 0; entry < geometry.l2Entries; entry += comparedEntries) {
        if (!compare.entries(index, entry, tableA, tableB)) {
          return false;
        }
        await progress.step(index - first, end - first);
      }
    }
    await progress.step(index - first, end - first);
  }
  return true;
}

/** Adds what only the larger disk has; false when the walk shall end. */
async function addTail(
  { storage, a, b }: Comparison,
  from: bigint,
  ranges: Ranges,
  progress: Progress,
): Promise<boolean> {
  if (a.size === b.size) {
    return true;
  }
  const [longer, common] = a.size > b.size ? [a, b.size] : [b, a.size];
  const start = from > common ? from : common;
  const { geometry } = longer;
  let more = true;
  const add = (kind: GuestKind, at: bigint, to: bigint): boolean => {
    const begin = at > start ? at : start;
    const stop = to < longer.size ? to : longer.size;
    more = begin >= stop || ranges.add(begin, stop, longer === a ? kind : undefined, longer === b ? kind : undefined);
    return more;
  };
  const cluster = Number(start / BigInt(geometry.clusterSize));
  await walkExtents(
    { storage },
    longer,
    { from: cluster, to: longer.clusters },
    (kind, unit, count) => add(guestKindOf(kind), unitOffset(geometry, unit), unitOffset(geometry, unit + count)),
    progress,
  );
  return more && add('wrong', unitOffset(geometry, layerUnits(longer)), longer.size);
}

/** Joins neighbours to ranges. */
class Ranges {
  readonly #from: bigint;
  readonly #visit: DifferenceVisitor;
  #start = 0n;
  #end = 0n;
  #a: GuestKind | undefined;
  #b: GuestKind | undefined;

  constructor(from: bigint, visit: DifferenceVisitor) {
    this.#from = from;
    this.#visit = visit;
  }

  /** Adds guest bytes from `start` to before `end`; false when the walk shall end. */
  add(start: bigint, end: bigint, a: GuestKind | undefined, b: GuestKind | undefined): boolean {
    const begin = start > this.#from ? start : this.#from;
    if (begin >= end) {
      return true;
    }
    if (this.#end === begin && this.#end > this.#start && this.#a === a && this.#b === b) {
      this.#end = end;
      return true;
    }
    const more = this.flush();
    [this.#start, this.#end, this.#a, this.#b] = [begin, end, a, b];
    return more;
  }

  /** Visits the last range; false when the walk shall end. */
  flush(): boolean {
    const [start, end] = [this.#start, this.#end];
    this.#start = end;
    return start === end || this.#visit(start, end - start, this.#a, this.#b);
  }
}

/** Whether the L1 entries of two layers lead to different tables, or may. */
function differs(a: Layer, b: Layer, index: number): boolean {
  return (
    l2TableOf(a.l1, index) !== l2TableOf(b.l1, index) ||
    index >= a.l1.entries !== index >= b.l1.entries ||
    unreadableL1(a.l1, index) !== undefined ||
    unreadableL1(b.l1, index) !== undefined
  );
}

/**
 * The next L1 index from `index` on, below `end`, at which the layers may differ; at most 65536 entries further on. What
 * neither L1 table reaches is wrong in both.
 */
function nextDifference(a: Layer, b: Layer, index: number, end: number): number {
  if (index >= a.l1.entries && index >= b.l1.entries) {
    return end;
  }
  const stop = Math.min(end, index + 65536);
  let next = index;
  while (next < stop && !differs(a, b, next)) {
    next++;
  }
  return next;
}
