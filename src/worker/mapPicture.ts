import type { ClusterRange } from '../engine/image/extents.ts';
import type { ClusterCounts, KindCount, PictureRequest, RangeRequest, SpacePicture } from '../protocol/mapApi.ts';
import { fragmentColumns } from './guestMap.ts';
import { eachCell, type MapBins, sumBins } from './mapBins.ts';
import { cellsOf, clusterRange, type MapCells } from './mapCells.ts';
import type { Space, Wanted } from './mapSpace.ts';
import type { CallContext } from './server.ts';

/** Draws a part of a space. */
export async function drawPicture(
  space: Space,
  request: Pick<PictureRequest, 'start' | 'length' | 'cells'>,
  context: CallContext,
): Promise<Omit<SpacePicture, 'counted'>> {
  const cells = cellsOf(request, space);
  const bins = await binsFor(space, cells, { fragments: false }, context);
  const { kinds } = space;
  const parts = new Float32Array(cells.count * kinds);
  eachBinCell(space, bins, cells, (cell, sums) => {
    let total = 0;
    for (let kind = 0; kind < kinds; kind++) {
      total += sums[kind] ?? 0;
    }
    for (let kind = 0; kind < kinds && total > 0; kind++) {
      parts[cell * kinds + kind] = (sums[kind] ?? 0) / total;
    }
  });
  return { ...placeOf(space, cells), parts, size: space.size };
}

/** Where the cells are, for the page. */
export function placeOf(
  space: Space,
  { range, clusters, count }: MapCells,
): Omit<SpacePicture, 'parts' | 'size' | 'counted'> {
  const cluster = BigInt(space.clusterSize);
  return { start: BigInt(range.from) * cluster, cellSize: BigInt(clusters) * cluster, cells: count };
}

/** Bins at least as fine as the cells: those of the whole space where they will do. */
export async function binsFor(space: Space, cells: MapCells, wanted: Wanted, context: CallContext): Promise<MapBins> {
  return cells.clusters >= space.binClusters
    ? space.whole(context)
    : space.part(cells.range, cells.clusters, wanted, context.progress);
}

/** Visits the cells with their counts by column; `sums` is used again for the next one. */
export function eachBinCell(
  { clusterUnits }: Space,
  bins: MapBins,
  { range, clusters, count }: MapCells,
  visit: (cell: number, sums: Float64Array) => void,
): void {
  eachCell(bins, range.from * clusterUnits, clusters * clusterUnits, count, visit);
}

/** What a range has of each kind. */
export async function countKinds(
  space: Space,
  request: Pick<RangeRequest, 'start' | 'length'>,
  context: CallContext,
): Promise<{ readonly kinds: readonly KindCount[]; readonly clusters: ClusterCounts }> {
  const range = clusterRange(request, space);
  const sums = await sumColumns(space, range, context);
  const cut = await cutKind(space, range, context);
  const kinds = Array.from(sums.subarray(0, space.kinds), (units, kind) => ({
    bytes: BigInt(units) * BigInt(space.unitSize) - (kind === cut?.kind ? cut.bytes : 0n),
    clusters: units / space.clusterUnits,
  }));
  const clusters = (column: number): number => (sums[column] ?? 0) / space.clusterUnits;
  return {
    kinds,
    clusters: {
      allocated: clusters(fragmentColumns.allocated),
      compressed: clusters(compressedColumn),
      fragmented: clusters(fragmentColumns.fragmented),
    },
  };
}

/** The index of `compressed` in the kinds of the guest. */
const compressedColumn = 1;

/** The counts of a range by column: of whole bins from what is remembered, of the rest from the tables. */
async function sumColumns(space: Space, range: ClusterRange, context: CallContext): Promise<Float64Array> {
  const whole = await space.whole(context);
  const { binClusters } = space;
  const sums = new Float64Array(whole.columns);
  const first = Math.ceil(range.from / binClusters);
  const last = range.to === space.clusters ? whole.bins : Math.floor(range.to / binClusters);
  const edges: ClusterRange[] = [];
  if (first < last) {
    sumBins(whole, first, last, sums);
    edges.push({ from: range.from, to: first * binClusters }, { from: last * binClusters, to: range.to });
  } else {
    edges.push(range);
  }
  for (const edge of edges) {
    if (edge.from < edge.to) {
      const bins = await space.part(edge, edge.to - edge.from, { fragments: true }, context.progress);
      sumBins(bins, 0, bins.bins, sums);
    }
  }
  return sums;
}

/** The kind of the last unit of the space, and by how many bytes the end of the space cuts it; undefined for neither. */
async function cutKind(
  space: Space,
  range: ClusterRange,
  context: CallContext,
): Promise<{ kind: number; bytes: bigint } | undefined> {
  const unit = BigInt(space.unitSize);
  const rest = space.size % unit;
  if (rest === 0n || range.to < space.clusters) {
    return undefined;
  }
  let kind = 0;
  const last = { from: space.clusters - 1, to: space.clusters };
  await space.runs(
    last,
    (column) => {
      kind = column;
    },
    context.progress,
  );
  return { kind, bytes: unit - rest };
}
