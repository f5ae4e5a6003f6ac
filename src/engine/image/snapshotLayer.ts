import { Qcow2Error } from '../error.ts';
import { l1EntryBytes } from '../format/l1.ts';
import { type Snapshot, snapshotExtra } from '../format/snapshots.ts';
import { limits } from '../limits.ts';
import { clustersOf, type Geometry } from './geometry.ts';
import type { Image } from './image.ts';
import { emptyL1, type L1Table, readL1 } from './l1Table.ts';
import { type Layer, layerOf } from './layer.ts';
import { walkSnapshotTable } from './snapshotTable.ts';

/**
 * The state of the guest's disk that a snapshot keeps, to be walked and looked up as the active layer is: reads the
 * snapshot table up to it, and its L1 table. Takes what can be read: a table beyond the limit is read as far as the
 * disk needs, one that is not at a cluster (QEMU follows none) has no entries, so that all of the disk is beyond it.
 * Throws `not-found` where the snapshot table has no such entry that can be read, `damaged` without a geometry.
 *
 * @param index - in the snapshot table
 */
export async function snapshotLayer(image: Image, index: number): Promise<Layer> {
  const { geometry, header, storage } = image;
  if (!geometry || !header) {
    throw new Qcow2Error('damaged', 'The header does not say where the tables are, so there are no snapshots.');
  }
  let snapshot: Snapshot | undefined;
  await walkSnapshotTable(storage, header, ({ entries }) => {
    snapshot ??= entries.find((entry) => entry.index === index);
  });
  if (!snapshot) {
    throw new Qcow2Error('not-found', `The snapshot table has no entry ${index} that can be read.`);
  }
  return layerOfSnapshot(image, geometry, snapshot, header.size);
}

/** As `snapshotLayer`, of an entry that was read. `now`: bytes of the disk as it is now. */
export async function layerOfSnapshot(
  image: Image,
  geometry: Geometry,
  snapshot: Snapshot,
  now: bigint,
): Promise<Layer> {
  const size = snapshotDiskSize(snapshot, now);
  const l1 = await readSnapshotL1(image, geometry, snapshot, size);
  return layerOf(geometry, l1, size, snapshot.index);
}

/** Bytes of the disk when the snapshot was taken; entries without it (version 2) mean the disk as it is now. */
export function snapshotDiskSize(snapshot: Snapshot, now: bigint): bigint {
  return snapshotExtra(snapshot).disk_size ?? now;
}

async function readSnapshotL1(
  { storage }: Image,
  geometry: Geometry,
  { fields }: Snapshot,
  size: bigint,
): Promise<L1Table> {
  const { l1_table_offset: offset, l1_size: entries } = fields;
  if (offset % BigInt(geometry.clusterSize) !== 0n) {
    return { ...emptyL1, offset };
  }
  const most = limits.l1TableBytes / l1EntryBytes;
  const needed = clustersOf(size, geometry.clusterBits) / BigInt(geometry.l2Entries) + 1n;
  const usable = needed < BigInt(most) ? Number(needed) : most;
  return readL1(storage, offset, entries > most ? usable : entries);
}
