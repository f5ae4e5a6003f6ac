import type { ChangeSet } from '../change/changeSet.ts';
import { Qcow2Error } from '../error.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { planLayerSwitch } from './layerSwitch.ts';
import { nameInTitle } from './nameInTitle.ts';
import {
  diskBytes,
  keptSnapshotEntry,
  longestSnapshotName,
  newSnapshotEntry,
  nextSnapshotId,
  type SnapshotDate,
  snapshotTableBytes,
} from './snapshotEntries.ts';
import { readSnapshotLayers } from './snapshotLayers.ts';

/** The snapshot that is to be taken. */
export interface SnapshotCreateOptions {
  /** As bytes, without NUL; at most 255 of them, which is what QEMU reads. */
  readonly name: Uint8Array;
  /** The time that it will show. */
  readonly date: SnapshotDate;
}

/**
 * Plans to take a snapshot of the disk as it is (qcow2_snapshot_create): the present L1 table becomes the snapshot's, and
 * the active layer gets a new one. No machine state is taken, as with qemu-img.
 *
 * @throws `Qcow2Error` `refused`, `bad-argument` for a name, `too-large` where a refcount or the number of snapshots can't
 *   get higher, `damaged` where the refcounts are wrong
 */
export async function planSnapshotCreate(
  image: Image,
  storage: Storage,
  from: FileState,
  { name, date }: SnapshotCreateOptions,
  progress: Progress,
): Promise<ChangeSet> {
  if (name.length > longestSnapshotName || name.includes(0)) {
    throw new Qcow2Error(
      'bad-argument',
      `A snapshot's name has at most ${longestSnapshotName} bytes, and no NUL among them.`,
    );
  }
  const layers = await readSnapshotLayers(image);
  const { header, geometry, snapshots, active } = layers;
  const entry = newSnapshotEntry({
    id: nextSnapshotId(snapshots),
    name,
    date,
    l1Offset: header.l1_table_offset,
    l1Entries: header.l1_size,
    diskSize: diskBytes(header.size),
  });
  const change = {
    title: `Create snapshot '${nameInTitle(name)}'`,
    says: 'Switch to the new tables: from now on the old ones are the snapshot’s',
    added: active,
    removed: undefined,
    base: active,
    l1Entries: header.l1_size,
    snapshotTable: snapshotTableBytes([...snapshots.map((one) => keptSnapshotEntry(one, header)), entry]),
    released: [layers.snapshotTable],
    fields: { nb_snapshots: snapshots.length + 1 },
    cautions: () => [],
  };
  return planLayerSwitch(image, geometry, storage, from, change, progress);
}
