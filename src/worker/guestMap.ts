import { Qcow2Error } from '../engine/error.ts';
import { type ClusterRange, type Walked, walkExtents } from '../engine/image/extents.ts';
import { unitOffset } from '../engine/image/geometry.ts';
import { guestKindOf } from '../engine/image/kinds.ts';
import type { Layer } from '../engine/image/layer.ts';
import type { Progress } from '../engine/ports.ts';
import type { MapPicture, MapRequest } from '../protocol/mapApi.ts';
import { addRun, emptyBins, type GuestBins, partsOf } from './guestBins.ts';
import type { CallContext } from './server.ts';
import { sharedRun } from './sharedRun.ts';

/** Bins of the whole disk: 6 MiB of counts, whatever the disk's size. */
const mostBins = 2 ** 18;

/** Most cells of a picture. */
const mostCells = 2 ** 16;

/** Draws pictures of a layer. */
export interface GuestMap {
  /**
   * The picture of a range. Its start is moved down, and its end up, to a multiple of the cell's size. The first
   * picture of a large part walks all L2 tables once; what is remembered of them is a count by kind for each of at most
   * 2^18 bins. Smaller parts are walked each time.
   */
  picture(request: MapRequest, context: CallContext): Promise<MapPicture>;
}

/** The map of a layer, which reads nothing before it is asked. */
export function guestMap(image: Walked, layer: Layer): GuestMap {
  const clusters = diskClusters(layer);
  const binClusters = powerOfTwo(Math.ceil(clusters / mostBins));
  const whole = sharedRun((progress) => readBins(image, layer, { from: 0, to: clusters }, binClusters, progress));
  return {
    picture: async (request, context) => {
      const cells = cellsOf(request, layer, clusters);
      const bins =
        cells.clusters >= binClusters
          ? await whole.result(context)
          : await readBins(image, layer, cells.range, cells.clusters, context.progress);
      return draw(layer, bins, cells);
    },
  };
}

/** Cells of a power of two of clusters over a range of guest clusters. */
interface Cells {
  readonly range: ClusterRange;
  /** Clusters a cell. */
  readonly clusters: number;
  readonly count: number;
}

function cellsOf({ start, length, cells }: MapRequest, layer: Layer, clusters: number): Cells {
  if (!Number.isInteger(cells) || cells < 1 || cells > mostCells) {
    throw new Qcow2Error('bad-argument', `A picture has 1 to ${mostCells} cells, not ${cells}.`);
  }
  const clusterSize = BigInt(layer.geometry.clusterSize);
  if (start < 0n || length <= 0n || start >= BigInt(clusters) * clusterSize) {
    throw new Qcow2Error('bad-argument', `The disk has no ${length} bytes at guest offset ${start}.`);
  }
  const first = Number(start / clusterSize);
  const end = Math.min(clusters, Number((start + length + clusterSize - 1n) / clusterSize));
  for (let size = powerOfTwo(Math.ceil((end - first) / cells)); ; size *= 2) {
    const from = Math.floor(first / size) * size;
    const count = Math.ceil((end - from) / size);
    if (count <= cells) {
      return { range: { from, to: Math.min(clusters, from + count * size) }, clusters: size, count };
    }
  }
}

/** Walks a range into bins of so many clusters. */
async function readBins(
  image: Walked,
  layer: Layer,
  range: ClusterRange,
  binClusters: number,
  progress: Progress,
): Promise<GuestBins> {
  const units = layer.geometry.clusterUnits;
  const bins = emptyBins(range.from * units, binClusters * units, Math.ceil((range.to - range.from) / binClusters));
  await walkExtents(
    image,
    layer,
    range,
    (kind, start, count) => {
      addRun(bins, start, count, guestKindOf(kind));
      return true;
    },
    progress,
  );
  // What the L1 table does not reach can't be read: QEMU refuses such an image.
  const beyond = Math.max(range.from, layer.clusters);
  if (range.to > beyond) {
    addRun(bins, beyond * units, (range.to - beyond) * units, 'wrong');
  }
  return bins;
}

function draw(layer: Layer, bins: GuestBins, { range, clusters, count }: Cells): MapPicture {
  const { geometry } = layer;
  const start = range.from * geometry.clusterUnits;
  return {
    start: unitOffset(geometry, start),
    cellSize: BigInt(clusters) * BigInt(geometry.clusterSize),
    cells: count,
    parts: partsOf(bins, start, clusters * geometry.clusterUnits, count),
  };
}

/** Clusters that the disk has, whether or not the L1 table reaches them; the last one perhaps in part. */
function diskClusters(layer: Layer): number {
  const clusterSize = BigInt(layer.geometry.clusterSize);
  return Number((layer.size + clusterSize - 1n) / clusterSize);
}

/** The least power of two that is not below `least` (and 1 for less). */
function powerOfTwo(least: number): number {
  let power = 1;
  while (power < least) {
    power *= 2;
  }
  return power;
}
