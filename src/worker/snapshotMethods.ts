import { describeSnapshot, snapshotDetails } from '../engine/image/describeLists.ts';
import { snapshotPage } from '../engine/image/entryPages.ts';
import type { Image } from '../engine/image/image.ts';
import { type Comparison, walkDifferences } from '../engine/image/layerDifference.ts';
import { snapshotLayer } from '../engine/image/snapshotLayer.ts';
import { snapshotUse, type UsedClusters } from '../engine/image/snapshotUse.ts';
import type { Progress } from '../engine/ports.ts';
import {
  type Change,
  changeOf,
  type Difference,
  type DifferingRange,
  type RangePage,
  type RangesRequest,
  type SnapshotClusters,
} from '../protocol/listApi.ts';
import { checkPage, onlyEntry } from './listRequests.ts';
import { noTables } from './noTables.ts';
import { runsByIndex } from './runsByIndex.ts';
import type { Handlers } from './server.ts';

type SnapshotMethod = 'snapshots' | 'snapshot' | 'snapshotUse' | 'snapshotDifference' | 'differingRanges';

/** The methods on snapshots. */
export function snapshotMethods(image: Image): Pick<Handlers, SnapshotMethod> {
  const use = runsByIndex((index, progress) => clustersOf(image, index, progress));
  const difference = runsByIndex((index, progress) => differenceOf(image, index, progress));
  return {
    snapshots: async (request) => {
      checkPage(request);
      return (await snapshotPage(image, request.from, request.count)).map(describeSnapshot);
    },
    snapshot: async ({ index }) =>
      snapshotDetails(onlyEntry(await snapshotPage(image, index, 1), 'snapshot table', index)),
    snapshotUse: ({ index }, context) => use.result(index, context),
    snapshotDifference: ({ index }, context) => difference.result(index, context),
    differingRanges: (request, { progress }) => differingRanges(image, request, progress),
  };
}

async function clustersOf(image: Image, index: number, progress: Progress): Promise<SnapshotClusters> {
  const clusterSize = image.geometry?.clusterSize ?? 0;
  const use = await snapshotUse(image, index, progress);
  const { freed, snapshotTable } = use;
  const clusters = sum(freed) + snapshotTable.before - snapshotTable.after;
  return { ...use, clusterSize, freedBytes: BigInt(clusters) * BigInt(clusterSize) };
}

function sum({ tables, data }: UsedClusters): number {
  return tables + data;
}

/** The snapshot as `a`, the active layer as `b`. */
async function comparisonOf(image: Image, index: number): Promise<Comparison> {
  const { storage, layer, backing } = image;
  return { storage, a: await snapshotLayer(image, index), b: layer ?? noTables(), backing: backing !== undefined };
}

async function differenceOf(image: Image, index: number, progress: Progress): Promise<Difference> {
  const changes: Record<Change, bigint> = { written: 0n, overwritten: 0n, removed: 0n, resized: 0n, unknown: 0n };
  let ranges = 0;
  let bytes = 0n;
  const comparison = await comparisonOf(image, index);
  await walkDifferences(
    comparison,
    0n,
    (_start, length, snapshot, active) => {
      ranges++;
      bytes += length;
      changes[changeOf(rangeOf(snapshot, active))] += length;
      return true;
    },
    progress,
  );
  return { ranges, bytes, changes };
}

async function differingRanges(
  image: Image,
  request: RangesRequest,
  progress: Progress,
): Promise<RangePage<DifferingRange>> {
  checkPage(request);
  const rows: DifferingRange[] = [];
  let next: bigint | undefined;
  await walkDifferences(
    await comparisonOf(image, request.index),
    request.from,
    (start, length, snapshot, active) => {
      if (rows.length === request.count) {
        next = start;
        return false;
      }
      rows.push({ start, length, ...rangeOf(snapshot, active) });
      return true;
    },
    progress,
  );
  return next === undefined ? { rows } : { rows, next };
}

function rangeOf(
  snapshot: DifferingRange['snapshot'],
  active: DifferingRange['active'],
): Pick<DifferingRange, 'snapshot' | 'active'> {
  return { ...(snapshot === undefined ? {} : { snapshot }), ...(active === undefined ? {} : { active }) };
}
