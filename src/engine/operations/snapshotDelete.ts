import type { ChangeSet } from '../change/changeSet.ts';
import { showSize } from '../format/show.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { planLayerSwitch } from './layerSwitch.ts';
import { snapshotInTitle } from './nameInTitle.ts';
import { keptSnapshotEntry, snapshotTableBytes } from './snapshotEntries.ts';
import { areaOf, readSnapshotLayers, snapshotAt } from './snapshotLayers.ts';

/** The snapshot that is to be deleted. */
export interface SnapshotDeleteOptions {
  /** Its index in the snapshot table. */
  readonly index: number;
}

/**
 * Plans to delete a snapshot (qcow2_snapshot_delete). What it alone refers to becomes free; the bytes stay in the file
 * until they are overwritten.
 *
 * @throws `Qcow2Error` `refused`, `not-found`, `damaged` where the refcounts are wrong
 */
export async function planSnapshotDelete(
  image: Image,
  storage: Storage,
  from: FileState,
  { index }: SnapshotDeleteOptions,
  progress: Progress,
): Promise<ChangeSet> {
  const layers = await readSnapshotLayers(image);
  const { header, geometry, snapshots, active } = layers;
  const { snapshot, table } = snapshotAt(layers, index);
  const kept = snapshots.filter((one) => one.index !== index);
  const change = {
    title: `Delete snapshot ${snapshotInTitle(snapshot)}`,
    says: 'Switch to the new tables, which know the snapshot no more',
    added: undefined,
    removed: table,
    base: active,
    l1Entries: header.l1_size,
    snapshotTable: snapshotTableBytes(kept.map((one) => keptSnapshotEntry(one, header))),
    released: [layers.snapshotTable, areaOf(table), areaOf(active)],
    fields: { nb_snapshots: kept.length },
    cautions: ({ data }: { data: number }) =>
      data === 0
        ? ['Everything that the snapshot holds, the disk or another snapshot has too: nothing is lost but its place.']
        : [`The snapshot alone holds ${showSize(BigInt(data) * BigInt(geometry.clusterSize))} of data: they are lost.`],
  };
  return planLayerSwitch(image, geometry, storage, from, change, progress);
}
