import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import { FreeClusters } from '../change/freeClusters.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { type RefcountSource, replaceRefcounts } from '../change/refcountStructure.ts';
import { StoredRefcounts } from '../change/storedRefcounts.ts';
import { Qcow2Error } from '../error.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { cautionOfLosses, downgradedHeader } from './downgrade.ts';
import { copyWrites, entryWrites, notZero, zeroWrites } from './expansionWrites.ts';
import { type L2Survey, surveyL2 } from './l2Survey.ts';
import { bitmapClusters, requireCounted } from './referenceCounts.ts';
import { ZeroExpansion } from './zeroExpansion.ts';

/** What becomes of the tables of an image. */
export interface TableChange {
  /** Log2 of the bits of a refcount. */
  readonly refcountOrder: number;
  /** To compat 0.10. Whatever stands in the way was looked for before. */
  readonly downgrade: boolean;
  /** Of the L2 tables, where they were read already. */
  readonly survey?: L2Survey | undefined;
}

/** Plans another refcount width, the downgrade to compat 0.10, or both. All that may be large is streamed. */
export async function planTables(
  image: Image,
  storage: Storage,
  from: FileState,
  change: TableChange,
  progress: Progress,
): Promise<ChangeSet> {
  const { geometry, header } = image;
  if (!geometry || !header) {
    throw new Qcow2Error('damaged', 'The header can’t be read as qcow2: there is nothing to change.');
  }
  const draft = new Draft(storage);
  const source = await refcountSource(image, geometry, progress);
  const { refcountOrder: order } = change;
  const widens = order !== geometry.refcountOrder;
  if (!change.downgrade) {
    if (widens) {
      await replaceRefcounts(draft, source, { order, added: [] }, saysOfWidth(order), progress);
    }
    return draft.changeSet('Amend the refcounts’ width', from);
  }
  await cautionOfLosses(draft, image, header);
  const survey = change.survey ?? (await surveyL2(image, progress));
  const expansion = await ZeroExpansion.of(image, geometry, survey, source.stored, progress);
  const released = await releasedBy(image, expansion, source.stored, progress);
  const unzeroed = await notZero(image, geometry, expansion.emptied(), progress);
  if (unzeroed.next(0) !== undefined) {
    const end = BigInt(unzeroed.end) * BigInt(geometry.clusterSize);
    draft.addStream(
      'Write zeros to clusters that read as zeros',
      async function* () {
        yield* zeroWrites(geometry, unzeroed);
      },
      end,
    );
  }
  const { tables, newClusters, copies } = expansion.changed;
  const first = newClusters === 0 ? 0 : await source.free.takeAtEnd(newClusters);
  if (newClusters > 0) {
    draft.resize(BigInt(first + newClusters) * BigInt(geometry.clusterSize));
    await draft.endStep('Make the file longer by clusters that read as zeros, as a hole');
  }
  if (copies > 0) {
    draft.addStream(
      'Copy clusters that a snapshot shares',
      () => copyWrites(image, geometry, expansion, first),
      draft.size,
    );
  }
  if (newClusters > 0 || widens) {
    const says = newClusters > 0 ? 'Write refcounts that count clusters of zeros' : saysOfWidth(order);
    await replaceRefcounts(draft, source, { order, added: expansion.runs(first) }, says, progress);
  }
  if (tables.count > 0) {
    draft.addStream(
      'Take the zero entries out of the L2 tables',
      () => entryWrites(image, geometry, expansion, first),
      draft.size,
    );
  }
  await changeHeader(draft, downgradedHeader, 'Write the header of compat 0.10');
  if (released.next(0) !== undefined) {
    const added = expansion.runs(first);
    await replaceRefcounts(
      draft,
      source,
      { order, added, released },
      'Write refcounts without what was given back',
      progress,
    );
  }
  return draft.changeSet('Downgrade to compat 0.10', from);
}

function saysOfWidth(order: number): string {
  return `Write refcounts of ${2 ** order} ${order === 0 ? 'bit' : 'bits'}`;
}

async function refcountSource(image: Image, geometry: Geometry, progress: Progress): Promise<RefcountSource> {
  const stored = await StoredRefcounts.of(image, geometry);
  const own = new ClusterSet();
  for (const cluster of stored.blocks) {
    if (cluster !== 0) {
      own.add(cluster, 1);
    }
  }
  const { refcount_table_offset: offset = 0n, refcount_table_clusters: clusters = 0 } = image.header ?? {};
  own.add(Number(offset / BigInt(geometry.clusterSize)), clusters);
  const free = new FreeClusters(image, (cluster) => stored.refcount(cluster), progress);
  return { stored, own, free };
}

/** The clusters of the zero entries that get others, and those of the bitmaps. */
async function releasedBy(
  image: Image,
  expansion: ZeroExpansion,
  stored: StoredRefcounts,
  progress: Progress,
): ReturnType<typeof bitmapClusters> {
  const released = await bitmapClusters(image, progress);
  for (const cluster of released) {
    await requireCounted(stored, cluster, released.count(cluster));
  }
  for (const cluster of expansion.released) {
    released.add(cluster, expansion.released.count(cluster));
  }
  return released;
}
