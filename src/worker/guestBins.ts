import { type GuestKind, guestKinds } from '../protocol/mapApi.ts';

/** Kinds a cell. */
const kinds = guestKinds.length;

/** The index of each kind in the counts of a cell. */
export const kindIndex: Readonly<Record<GuestKind, number>> = {
  data: 0,
  compressed: 1,
  'zero-allocated': 2,
  'zero-plain': 3,
  unallocated: 4,
  wrong: 5,
};

/**
 * How much of each kind lies in each of equal parts of a guest range: all that is remembered of the tables for the
 * map. Counts units (subclusters, or clusters without extended L2 entries).
 */
export interface GuestBins {
  /** The unit at which the first bin starts. */
  readonly start: number;
  /** Units a bin: a power of two. */
  readonly binUnits: number;
  readonly bins: number;
  /** `guestKinds.length` counts a bin. */
  readonly counts: Uint32Array<ArrayBuffer>;
}

/** Empty bins. A bin has fewer than 2^32 units. */
export function emptyBins(start: number, binUnits: number, bins: number): GuestBins {
  return { start, binUnits, bins, counts: new Uint32Array(bins * kinds) };
}

/** Counts `count` units from `unit` on, which the bins must reach, as of a kind. */
export function addRun(into: GuestBins, unit: number, count: number, kind: GuestKind): void {
  const { start, binUnits, counts } = into;
  const column = kindIndex[kind];
  const end = unit - start + count;
  for (let at = unit - start; at < end; ) {
    const bin = Math.floor(at / binUnits);
    const next = Math.min(end, (bin + 1) * binUnits);
    const cell = bin * kinds + column;
    counts[cell] = (counts[cell] ?? 0) + (next - at);
    at = next;
  }
}

/**
 * The parts of cells of `cellUnits` units, a multiple of the bins' size, from unit `start` on, a multiple of
 * `cellUnits`: `guestKinds.length` numbers a cell, whose sum is 1 (0 in a cell past the end of the disk).
 */
export function partsOf(bins: GuestBins, start: number, cellUnits: number, cells: number): Float32Array {
  const parts = new Float32Array(cells * kinds);
  const perCell = cellUnits / bins.binUnits;
  const first = (start - bins.start) / bins.binUnits;
  const sums = new Float64Array(kinds);
  for (let cell = 0; cell < cells; cell++) {
    const from = first + cell * perCell;
    const total = sumBins(bins, from, Math.min(from + perCell, bins.bins), sums);
    for (let kind = 0; kind < kinds && total > 0; kind++) {
      parts[cell * kinds + kind] = (sums[kind] ?? 0) / total;
    }
  }
  return parts;
}

function sumBins(bins: GuestBins, from: number, to: number, sums: Float64Array): number {
  sums.fill(0);
  let total = 0;
  for (let at = from * kinds; at < to * kinds; at++) {
    const count = bins.counts[at] ?? 0;
    const kind = at % kinds;
    sums[kind] = (sums[kind] ?? 0) + count;
    total += count;
  }
  return total;
}
