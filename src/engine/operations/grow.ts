import { usedClusters } from '../change/freeClusters.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { Qcow2Error } from '../error.ts';
import { ClusterCounts } from '../image/clusterCounts.ts';
import { clustersOf } from '../image/geometry.ts';
import type { GuestPorts } from '../image/guestData.ts';
import { openImage } from '../image/open.ts';
import { diskSizeRefusal } from './diskLimit.ts';
import { EditedTables } from './editedTables.ts';
import { GrownL1 } from './grownL1.ts';
import { growHeadCluster } from './headCluster.ts';
import { encodeNewEntry, type NewEntries, newTableWrites } from './newEntries.ts';
import type { Preallocation } from './newImage.ts';
import { clearPastEnd, hasPastEnd } from './pastEnd.ts';
import { resizeBitmaps } from './resizedBitmaps.ts';
import type { ResizePlan } from './resizePlan.ts';

/** How a disk grows. Sizes in bytes. */
export interface Growth {
  /** Before, in whole sectors. */
  readonly from: bigint;
  readonly to: bigint;
  readonly preallocation: Preallocation;
  /** The backing file and the codecs, for the cluster in which the disk ends. */
  readonly ports: GuestPorts | undefined;
}

/** The part of a disk that is new, in guest clusters. */
interface NewPart {
  readonly first: number;
  readonly end: number;
  /** What its L2 entries say; undefined where it has none. */
  readonly what: NewEntries | undefined;
}

/** Drafts all steps of growing a disk (qcow2_co_truncate), or of giving it the size that it has. */
export async function grow(plan: ResizePlan, growth: Growth): Promise<void> {
  const { geometry, draft } = plan;
  const part = newPart(plan, growth);
  const needed = Math.ceil(part.end / geometry.l2Entries);
  const tooLarge = diskSizeRefusal(geometry, growth.to);
  if (tooLarge !== undefined) {
    throw new Qcow2Error('too-large', tooLarge, { qemu: 'Failed to grow the L1 table: File too large' });
  }
  const gone = new ClusterCounts();
  const stale = growth.to > growth.from && (await hasPastEnd(plan, part.first));
  const current = stale ? await withoutPastEnd(plan, part.first, gone) : plan;
  const l1 = new GrownL1(geometry, current.image.l1, needed);
  const tables = new EditedTables(current, l1, gone);
  await growHead(current, growth, tables, gone);
  await allocateNew(current, part, tables, l1, growth.preallocation);
  const bitmaps = await resizeBitmaps(plan, growth, gone);
  if (l1.moves) {
    await l1.move(draft, await current.clusters.get(), gone);
  }
  await tables.writeNew();
  await draft.endStep('Write what is new where nothing is');
  await tables.writeInPlace();
  await l1.writeEntries(draft);
  await draft.endStep('Write the table entries behind the end of the disk');
  await changeHeader(draft, { fields: { size: growth.to, ...l1.fields }, ...bitmaps }, 'Give the disk its new size');
  await release(plan, gone);
}

/** What the new part is made of. Throws `refused` where a version 2 image can't have it so. */
function newPart({ image, geometry }: ResizePlan, { from, to, preallocation, ports }: Growth): NewPart {
  const first = Number(clustersOf(from, geometry.clusterBits));
  const end = Number(clustersOf(to, geometry.clusterBits));
  const zero = readsFromBacking(from, to, ports);
  const inDataFile = image.dataFile !== undefined;
  // A raw data file must hold all of the disk.
  const allocated = preallocation !== 'off' || image.dataFile?.raw === true;
  const inOwnBlocks = !inDataFile && (preallocation === 'falloc' || preallocation === 'full');
  if (zero && !inOwnBlocks && geometry.version < 3) {
    throw new Qcow2Error(
      'refused',
      'The image is not changed. The backing file is longer than the disk, so that what is new must be told to read as zeros, which compat 0.10 has no way to. Upgrade the image to compat 1.1 first, or use preallocation=falloc or full.',
      { qemu: 'Failed to zero out new clusters: Operation not supported' },
    );
  }
  const what = { allocated, zero: zero && !inOwnBlocks, subclusters: zero && inOwnBlocks };
  return { first, end, what: end > first && (allocated || zero) ? what : undefined };
}

/** Whether the backing file is longer than the disk was: its bytes would come up in what is new. */
function readsFromBacking(from: bigint, to: bigint, ports: GuestPorts | undefined): boolean {
  return to > from && ports?.backing !== undefined && ports.backing.size > from;
}

/** Clears what is behind the end of the disk, so that it doesn't come up in what is new. */
async function withoutPastEnd(plan: ResizePlan, first: number, gone: ClusterCounts): Promise<ResizePlan> {
  await clearPastEnd(plan, first, gone);
  await plan.draft.endStep('Clear what is left behind the end of the disk');
  return { ...plan, image: await openImage(plan.draft) };
}

async function growHead(plan: ResizePlan, growth: Growth, tables: EditedTables, gone: ClusterCounts): Promise<void> {
  const { from: size, to, preallocation, ports } = growth;
  const anew = preallocation === 'falloc' || preallocation === 'full';
  const head = { size, zero: readsFromBacking(size, to, ports), allocate: preallocation !== 'off', anew };
  if (to <= size || size % BigInt(plan.geometry.clusterSize) === 0n || !(head.zero || head.allocate)) {
    return;
  }
  if (!ports) {
    throw new Qcow2Error('bad-argument', 'The guest’s data must be readable where the last cluster is preallocated.');
  }
  await growHeadCluster(plan, head, tables, ports, gone);
}

/** Drafts the L2 entries of the new part, and takes the clusters that they lead to. */
async function allocateNew(
  plan: ResizePlan,
  { first, end, what }: NewPart,
  tables: EditedTables,
  l1: GrownL1,
  preallocation: Preallocation,
): Promise<void> {
  if (!what) {
    return;
  }
  const { geometry, draft } = plan;
  const { l2Entries, clusterSize } = geometry;
  const l1Index = Math.floor(first / l2Entries);
  const edited = await tables.edit(l1Index);
  const more = Math.ceil(end / l2Entries) - (l1Index + 1);
  const dataClusters = what.allocated && !geometry.dataFile ? end - first : 0;
  const start = more + dataClusters === 0 ? 0 : await (await plan.clusters.get()).append(more + dataClusters);
  const dataStart = start + more;
  const hostOf = (cluster: number): number => (geometry.dataFile ? cluster : dataStart + cluster - first);
  for (let cluster = first; cluster < Math.min(end, (l1Index + 1) * l2Entries); cluster++) {
    encodeNewEntry(geometry, edited.view, cluster % l2Entries, what, hostOf(cluster));
  }
  if (more > 0) {
    const stream = { start, count: more, l1Index: l1Index + 1, end, what, hostOf };
    const says = 'Write L2 tables where nothing is';
    draft.addStream(says, () => newTableWrites(geometry, stream), BigInt(dataStart) * BigInt(clusterSize));
    l1.lead(l1Index + 1, more, start);
  }
  if (dataClusters > 0) {
    const at = BigInt(dataStart) * BigInt(clusterSize);
    const length = BigInt(dataClusters) * BigInt(clusterSize);
    if (preallocation === 'metadata') {
      draft.resize(at + length);
    } else {
      draft.addAllocation('Allocate the clusters of what is new', { at, length, written: preallocation === 'full' });
    }
  }
}

/** Gives back what nothing leads to any more. Throws `damaged` where something does. */
async function release({ clusters, draft, progress }: ResizePlan, gone: ClusterCounts): Promise<void> {
  if (gone.next(0) !== undefined) {
    const taken = await clusters.get();
    const { used } = await usedClusters(await openImage(draft), progress);
    for (const cluster of gone) {
      for (let references = gone.count(cluster); references > 0; references--) {
        await taken.release(cluster, 1);
      }
      if (used.has(cluster) && BigInt(await taken.refcount(cluster)) === 0n) {
        throw new Qcow2Error(
          'damaged',
          `The refcounts are wrong: cluster ${cluster} would become free, but something refers to it. Check and repair the image first.`,
        );
      }
    }
  }
  await clusters.settle();
  await draft.endStep('Give back what is not in use any more');
}
