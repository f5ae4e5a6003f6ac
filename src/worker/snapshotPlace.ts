import { Qcow2Error } from '../engine/error.ts';
import { snapshotId } from '../engine/format/snapshots.ts';
import type { Image } from '../engine/image/image.ts';
import { readSnapshots } from '../engine/image/snapshotTable.ts';
import type { SnapshotPlace } from '../protocol/changeApi.ts';

/** Throws `not-found` where the snapshot that the user chose is no longer at its place. */
export async function requireSnapshot({ header, storage }: Image, { index, id }: SnapshotPlace): Promise<void> {
  const snapshots = header ? await readSnapshots(storage, header) : [];
  const found = snapshots.find((snapshot) => snapshot.index === index);
  if (found === undefined || snapshotId(found) !== id) {
    throw new Qcow2Error('not-found', `The image has no snapshot ${id} at place ${index} (any more). Choose again.`);
  }
}
