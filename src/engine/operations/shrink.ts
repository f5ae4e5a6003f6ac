import { changeHeader } from '../change/headerSteps.ts';
import { lowerRefcounts } from '../change/lowering.ts';
import type { ByteRange } from '../finding.ts';
import { ClusterCounts } from '../image/clusterCounts.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import { walkExtents } from '../image/extents.ts';
import { clustersOf } from '../image/geometry.ts';
import { extentKinds } from '../image/kinds.ts';
import { guestRange } from '../image/layer.ts';
import { clearPastEnd } from './pastEnd.ts';
import { cautionOfLoss } from './rawResize.ts';
import { resizeBitmaps } from './resizedBitmaps.ts';
import type { ResizePlan } from './resizePlan.ts';

/** Sizes of the disk in bytes, the second one smaller. */
export interface Shrinking {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Drafts all steps of shrinking a disk (qcow2_co_truncate): first the disk ends earlier, then what is behind is given up.
 */
export async function shrink(plan: ResizePlan, sizes: Shrinking): Promise<void> {
  const { image, geometry, draft, progress } = plan;
  const clusters = await plan.clusters.get();
  await tellLoss(plan, sizes);
  const gone = new ClusterCounts();
  const bitmaps = await resizeBitmaps(plan, sizes, gone);
  await draft.endStep('Write what is new where nothing is');
  await changeHeader(draft, { fields: { size: sizes.to }, ...bitmaps }, 'Give the disk its new size');
  await clearPastEnd(plan, Number(clustersOf(sizes.to, geometry.clusterBits)), gone);
  await draft.endStep('Clear what leads behind the end of the disk');
  const place = { draft, storage: image.storage, geometry, clusters };
  const { freed, end } = await lowerRefcounts(place, gone, progress);
  const size = BigInt(end) * BigInt(geometry.clusterSize);
  if (size < draft.size) {
    draft.resize(size);
    await draft.endStep('Cut the file where nothing is in use any more');
  }
  draft.freed = () => ranges(freed, end, geometry.clusterSize);
}

/** Says how much of the guest's data is given up, if any. */
async function tellLoss({ image, draft, progress }: ResizePlan, { from, to }: Shrinking): Promise<void> {
  const { layer } = image;
  let bytes = 0n;
  if (layer) {
    const size = BigInt(layer.geometry.clusterSize);
    await walkExtents(
      image,
      layer,
      { from: Number(to / size), to: Number((from + size - 1n) / size) },
      (kind, unit, count) => {
        if (kind === extentKinds.normal || kind === extentKinds.compressed) {
          const { offset, length } = guestRange(layer, unit, count);
          const start = offset > to ? offset : to;
          bytes += offset + length > start ? offset + length - start : 0n;
        }
        return true;
      },
      progress,
    );
  }
  cautionOfLoss(draft, bytes, ...(image.snapshots.count > 0 ? ['What snapshots hold stays in them.'] : []));
}

/** Runs of clusters before `end` as bytes. */
function* ranges(clusters: ClusterSet, end: number, clusterSize: number): Generator<ByteRange> {
  for (let first = clusters.next(0); first !== undefined && first < end; ) {
    const stop = Math.min(end, clusters.firstFree(first, 1));
    yield { offset: BigInt(first) * BigInt(clusterSize), length: BigInt(stop - first) * BigInt(clusterSize) };
    first = clusters.next(stop);
  }
}
