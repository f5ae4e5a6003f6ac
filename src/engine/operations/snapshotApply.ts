import type { ChangeSet } from '../change/changeSet.ts';
import { Qcow2Error } from '../error.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import type { Header } from '../format/header.ts';
import { l1EntryBytes } from '../format/l1.ts';
import { showExactSize, showSize } from '../format/show.ts';
import { type Snapshot, snapshotExtra } from '../format/snapshots.ts';
import { clustersOf, type Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { planLayerSwitch } from './layerSwitch.ts';
import { snapshotInTitle } from './nameInTitle.ts';
import { diskBytes } from './snapshotEntries.ts';
import { areaOf, readSnapshotLayers, snapshotAt } from './snapshotLayers.ts';

/** The snapshot that the disk goes back to. */
export interface SnapshotApplyOptions {
  /** Its index in the snapshot table. */
  readonly index: number;
}

/**
 * Plans to bring the disk back to what a snapshot holds, its size included (qcow2_snapshot_goto). The snapshot stays. What
 * the active layer alone refers to becomes free.
 *
 * @throws `Qcow2Error` `refused`, `not-found`, `too-large`, `damaged` where the refcounts are wrong
 */
export async function planSnapshotApply(
  image: Image,
  storage: Storage,
  from: FileState,
  { index }: SnapshotApplyOptions,
  progress: Progress,
): Promise<ChangeSet> {
  // As in QEMU, before it is looked whether snapshots can be used at all.
  requireNoBitmaps(image);
  const layers = await readSnapshotLayers(image);
  const { header, geometry, active } = layers;
  const { snapshot, table } = snapshotAt(layers, index);
  const size = sizeAfter(header, snapshot);
  const needed = l1EntriesFor(geometry, size);
  const change = {
    title: `Apply snapshot ${snapshotInTitle(snapshot)}`,
    says: 'Switch to the new tables, which lead to the snapshot’s data',
    added: table,
    removed: active,
    base: table,
    // QEMU never makes the table smaller.
    l1Entries: Math.max(header.l1_size, needed, table.entries),
    snapshotTable: undefined,
    released: [areaOf(active)],
    fields: { size },
    cautions: ({ data }: { data: number }) => [
      data === 0
        ? 'All data of the disk is in a snapshot too: none is lost.'
        : `The disk alone holds ${showSize(BigInt(data) * BigInt(geometry.clusterSize))} of data that no snapshot has: they are lost.`,
      ...(size === header.size
        ? []
        : [
            `The disk will have ${showExactSize(size)}, as the snapshot has; now it has ${showExactSize(header.size)}.`,
          ]),
    ],
  };
  return planLayerSwitch(image, geometry, storage, from, change, progress);
}

function requireNoBitmaps({ bitmaps, header }: Image): void {
  if (header && hasBitmaps(header) && bitmaps.count > 0) {
    throw new Qcow2Error(
      'refused',
      'The image is not changed. It has dirty bitmaps, which would not tell what the snapshot changes. Remove them first.',
      { system: 'EBUSY' },
    );
  }
}

/** The size that the disk gets. A snapshot that does not tell has the present one. Throws as QEMU refuses to resize. */
function sizeAfter({ version, size }: Header, snapshot: Snapshot): bigint {
  const wanted = snapshotExtra(snapshot).disk_size ?? diskBytes(size);
  if (wanted === diskBytes(size)) {
    return size;
  }
  if (wanted % 512n !== 0n) {
    throw new Qcow2Error('refused', 'The new size must be a multiple of 512', { system: 'EINVAL' });
  }
  if (version < 3) {
    throw new Qcow2Error('refused', "Can't resize a v2 image which has snapshots", { system: 'EOPNOTSUPP' });
  }
  return wanted;
}

function l1EntriesFor({ clusterBits, l2Entries }: Geometry, size: bigint): number {
  const entries = (clustersOf(size, clusterBits) + BigInt(l2Entries) - 1n) / BigInt(l2Entries);
  if (entries * BigInt(l1EntryBytes) > BigInt(limits.l1TableBytes)) {
    throw new Qcow2Error('too-large', 'The snapshot’s disk is larger than an image of this cluster size can be.', {
      system: 'EFBIG',
    });
  }
  return Number(entries);
}
