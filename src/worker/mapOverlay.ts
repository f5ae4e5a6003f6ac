import { Qcow2Error } from '../engine/error.ts';
import type { ByteRange, Finding } from '../engine/finding.ts';
import type { Image } from '../engine/image/image.ts';
import type { Layer } from '../engine/image/layer.ts';
import { walkSharedClusters } from '../engine/image/sharedClusters.ts';
import { type OverlayPicture, type OverlayRequest, spaceKinds } from '../protocol/mapApi.ts';
import { dirtyRanges } from './dirtyRanges.ts';
import { fragmentColumns } from './guestMap.ts';
import { addRun, emptyBins, type MapBins } from './mapBins.ts';
import { cellsOf, type MapCells } from './mapCells.ts';
import { binsFor, eachBinCell, placeOf } from './mapPicture.ts';
import type { Space } from './mapSpace.ts';
import type { CallContext } from './server.ts';

/** What an overlay is made from. */
export interface OverlaySource {
  readonly image: Image;
  readonly space: Space;
  /** Of the guest's space. */
  readonly layer?: Layer;
  /** The shared clusters of the whole layer, made once. */
  readonly shared?: (context: CallContext) => Promise<MapBins>;
  /** The findings with a range in the space. */
  readonly findings: (context: CallContext) => Promise<readonly ByteRange[]>;
}

/** Draws an overlay. */
export async function drawOverlay(
  source: OverlaySource,
  request: OverlayRequest,
  context: CallContext,
): Promise<OverlayPicture> {
  const cells = cellsOf(request, source.space);
  const values = await valuesOf(source, request, cells, context);
  return { ...placeOf(source.space, cells), values };
}

async function valuesOf(
  source: OverlaySource,
  { space: name, overlay, bitmap }: OverlayRequest,
  cells: MapCells,
  context: CallContext,
): Promise<Float32Array> {
  const { image, space, layer } = source;
  if (overlay === 'findings') {
    return touched(space, cells, await source.findings(context));
  }
  if (name === 'host') {
    if (overlay !== 'sharing') {
      throw new Qcow2Error('bad-argument', `The map of the file has no overlay of ${overlay}.`);
    }
    return partOf(space, await binsFor(space, cells, { fragments: false }, context), cells, sharedColumn);
  }
  switch (overlay) {
    case 'fragmentation': {
      const bins = await binsFor(space, cells, { fragments: true }, context);
      const values = new Float32Array(cells.count);
      eachBinCell(space, bins, cells, (cell, sums) => {
        values[cell] = (sums[fragmentColumns.fragmented] ?? 0) / space.clusterUnits;
      });
      return values;
    }
    case 'sharing':
      return layer && source.shared
        ? sharing(image, space, layer, source.shared, cells, context)
        : new Float32Array(cells.count);
    case 'bitmap':
      return dirty(image, space, cells, bitmap ?? 0, context);
  }
}

const sharedColumn = spaceKinds.host.indexOf('shared');

/** How many ranges touch each cell. */
function touched(space: Space, cells: MapCells, ranges: readonly ByteRange[]): Float32Array {
  const { start, cellSize } = placeOf(space, cells);
  const changes = new Float64Array(cells.count + 1);
  const change = (cell: number, by: number): void => {
    changes[cell] = (changes[cell] ?? 0) + by;
  };
  for (const { offset, length } of ranges) {
    const end = offset + (length > 0n ? length : 1n) - start;
    const first = offset > start ? (offset - start) / cellSize : 0n;
    const last = end > 0n ? (end - 1n) / cellSize : -1n;
    if (last >= 0n && first < BigInt(cells.count)) {
      change(Number(first), 1);
      change(last < BigInt(cells.count) ? Number(last) + 1 : cells.count, -1);
    }
  }
  let sum = 0;
  return Float32Array.from({ length: cells.count }, (_, cell) => {
    sum += changes[cell] ?? 0;
    return sum;
  });
}

/** Which part of each cell, of the kinds together, is in a column. */
function partOf(space: Space, bins: MapBins, cells: MapCells, column: number): Float32Array {
  const values = new Float32Array(cells.count);
  eachBinCell(space, bins, cells, (cell, sums) => {
    const total = sums.subarray(0, space.kinds).reduce((all, count) => all + count, 0);
    values[cell] = total > 0 ? (sums[column] ?? 0) / total : 0;
  });
  return values;
}

/** The bins of the clusters that a layer shares: of one column, which counts clusters. */
export async function sharedBins(
  image: Image,
  layer: Layer,
  range: { readonly from: number; readonly to: number },
  binClusters: number,
  { progress }: Pick<CallContext, 'progress'>,
): Promise<MapBins> {
  const bins = emptyBins(range.from, binClusters, Math.ceil((range.to - range.from) / binClusters), 1);
  await walkSharedClusters(image, layer, range, (cluster, count) => addRun(bins, cluster, count, 0), progress);
  return bins;
}

async function sharing(
  image: Image,
  space: Space,
  layer: Layer,
  shared: (context: CallContext) => Promise<MapBins>,
  cells: MapCells,
  context: CallContext,
): Promise<Float32Array> {
  const { range, clusters } = cells;
  const bins =
    clusters >= space.binClusters ? await shared(context) : await sharedBins(image, layer, range, clusters, context);
  const values = new Float32Array(cells.count);
  eachBinCell({ ...space, clusterUnits: 1 }, bins, cells, (cell, sums) => {
    const first = range.from + cell * clusters;
    values[cell] = (sums[0] ?? 0) / Math.min(clusters, space.clusters - first);
  });
  return values;
}

async function dirty(
  image: Image,
  space: Space,
  cells: MapCells,
  bitmap: number,
  { progress }: CallContext,
): Promise<Float32Array> {
  const { start, cellSize } = placeOf(space, cells);
  const length = cellSize * BigInt(cells.count);
  const end = start + length < space.size ? start + length : space.size;
  // Of bytes: a float of 32 bits has no room for exact sums.
  const sums = new Float64Array(cells.count);
  await dirtyRanges(
    image,
    bitmap,
    start,
    ({ offset, length: bytes }) => {
      const stop = offset + bytes < end ? offset + bytes : end;
      for (let at = offset; at < stop; ) {
        const cell = (at - start) / cellSize;
        const next = start + (cell + 1n) * cellSize;
        const to = next < stop ? next : stop;
        sums[Number(cell)] = (sums[Number(cell)] ?? 0) + Number(to - at);
        at = to;
      }
      return offset + bytes < end;
    },
    progress,
  );
  return Float32Array.from(sums, (bytes, cell) => {
    const first = start + BigInt(cell) * cellSize;
    return bytes / Number(first + cellSize < end ? cellSize : end - first);
  });
}

/** The ranges of findings in a space: those of the layer, or of the file. */
export function findingRanges(
  findings: readonly Finding[],
  space: 'guest' | 'host',
  snapshot: number | undefined,
): ByteRange[] {
  const layer = snapshot === undefined ? '' : `snapshot[${snapshot}] -> `;
  const ofLayer = ({ chain }: Finding): boolean =>
    snapshot === undefined ? !chain.startsWith('snapshot[') : chain.startsWith(layer);
  return findings
    .filter((finding) => space === 'host' || ofLayer(finding))
    .flatMap((finding) => finding[space] ?? [])
    .sort((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0));
}
