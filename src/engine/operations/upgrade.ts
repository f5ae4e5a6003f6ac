import { Clusters } from '../change/clusters.ts';
import type { Draft } from '../change/draft.ts';
import type { HeaderChange } from '../change/firstCluster.ts';
import { requireChangeable } from '../change/refusals.ts';
import { Qcow2Error } from '../error.ts';
import { extensionTypes } from '../format/extensions.ts';
import type { Header } from '../format/header.ts';
import { requiredExtraBytes } from '../format/snapshots.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { readSnapshots } from '../image/snapshotTable.ts';
import type { Progress } from '../ports.ts';
import type { Blocker } from './blockers.ts';
import type { L2Survey } from './l2Survey.ts';
import { featureNameTable, smallCluster } from './newHeader.ts';
import { keptSnapshotEntry, snapshotTableBytes } from './snapshotEntries.ts';

/** What stands in the way of compat 1.1. */
export function upgradeBlockers({ zeroCount, places }: L2Survey): Blocker[] {
  if (zeroCount === 0) {
    return [];
  }
  const more = zeroCount - places.length;
  return [
    {
      // qemu-img says nothing, and the clusters read as zeros afterwards.
      says: `${zeroCount} L2 ${zeroCount === 1 ? 'entry has' : 'entries have'} bit 0 set, which means nothing in compat 0.10 and “reads as zeros” in 1.1, so that the data would be gone: ${places.join('; ')}${more > 0 ? `; and ${more} more` : ''}. Repair them first.`,
    },
  ];
}

/** What the header gets in compat 1.1 (qcow2_upgrade). */
export function upgradedHeader({ clusterSize }: Geometry): HeaderChange {
  return {
    fields: { version: 3 },
    ...(clusterSize > smallCluster ? { extensions: new Map([[extensionTypes.featureNames, featureNameTable()]]) } : {}),
  };
}

/** A snapshot table that was written anew, and what it replaces. */
export interface MovedSnapshots {
  readonly fields: Pick<Header, 'snapshots_offset'>;
  /** Gives the old table back: in the last step. */
  release(): Promise<void>;
}

/**
 * Writes the snapshot table anew where entries lack the extra data that version 3 requires. Undefined where all have it.
 */
export async function completeSnapshots(
  image: Image,
  geometry: Geometry,
  draft: Draft,
  progress: Progress,
): Promise<MovedSnapshots | undefined> {
  const { header, storage } = image;
  const snapshots = header ? await readSnapshots(storage, header) : [];
  if (!header || snapshots.every(({ fields }) => fields.extra_data_size >= requiredExtraBytes)) {
    return undefined;
  }
  requireChangeable(image, { clusters: true });
  if (snapshots.length !== header.nb_snapshots) {
    throw new Qcow2Error('damaged', 'The snapshot table can’t be read as a whole. Check and repair the image first.');
  }
  const bytes = snapshotTableBytes(snapshots.map((snapshot) => keptSnapshotEntry(snapshot, { ...header, version: 3 })));
  const clusters = await Clusters.of(image, draft, progress);
  const { clusterSize } = geometry;
  const count = Math.ceil(bytes.length / clusterSize);
  const first = await clusters.allocate(count);
  const offset = BigInt(first) * BigInt(clusterSize);
  await draft.write('snapshot table', offset, bytes);
  await draft.endStep('Write the snapshot table with the extra data that compat 1.1 requires');
  return {
    fields: { snapshots_offset: offset },
    async release() {
      const length = Number(image.snapshots.end - header.snapshots_offset);
      await clusters.release(Number(header.snapshots_offset / BigInt(clusterSize)), Math.ceil(length / clusterSize));
      await clusters.settle();
      await draft.endStep('Give the old snapshot table back');
    },
  };
}
