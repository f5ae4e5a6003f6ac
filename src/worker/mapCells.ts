import { Qcow2Error } from '../engine/error.ts';
import type { ClusterRange } from '../engine/image/extents.ts';

/** Most cells of a picture. */
const mostCells = 2 ** 16;

/** Cells of a power of two of clusters over a range of clusters. */
export interface MapCells {
  /** From the start of the first cell to the end of the last one, or of the space. */
  readonly range: ClusterRange;
  /** Clusters a cell. */
  readonly clusters: number;
  readonly count: number;
}

/** A space in clusters. */
export interface Extent {
  /** Bytes. */
  readonly size: bigint;
  readonly clusterSize: number;
  /** The last one perhaps in part. */
  readonly clusters: number;
}

/** The cells of a part of a space: its start is moved down, and its end up, to a multiple of the cell's size. */
export function cellsOf(
  { start, length, cells }: { readonly start: bigint; readonly length: bigint; readonly cells: number },
  space: Extent,
): MapCells {
  if (!Number.isInteger(cells) || cells < 1 || cells > mostCells) {
    throw new Qcow2Error('bad-argument', `A picture has 1 to ${mostCells} cells, not ${cells}.`);
  }
  const { from: first, to: end } = clusterRange({ start, length }, space);
  for (let size = powerOfTwo(Math.ceil((end - first) / cells)); ; size *= 2) {
    const from = Math.floor(first / size) * size;
    const count = Math.ceil((end - from) / size);
    if (count <= cells) {
      return { range: { from, to: Math.min(space.clusters, from + count * size) }, clusters: size, count };
    }
  }
}

/** The clusters that a range of bytes touches; it must start in the space, and is cut at its end. */
export function clusterRange(
  { start, length }: { readonly start: bigint; readonly length: bigint },
  { size, clusterSize, clusters }: Extent,
): ClusterRange {
  if (start < 0n || length <= 0n || start >= size) {
    throw new Qcow2Error('bad-argument', `There are no ${length} bytes at ${start}: the space has ${size}.`);
  }
  const cluster = BigInt(clusterSize);
  const end = start + length < size ? start + length : size;
  const to = Math.min(clusters, Number((end + cluster - 1n) / cluster));
  return { from: Number(start / cluster), to };
}

/** The least power of two that is not below `least` (and 1 for less). */
export function powerOfTwo(least: number): number {
  let power = 1;
  while (power < least) {
    power *= 2;
  }
  return power;
}
