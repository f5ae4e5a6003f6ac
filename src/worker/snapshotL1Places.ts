import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import { snapshotDiskSize } from '../engine/image/snapshotLayer.ts';
import { walkSnapshotTable } from '../engine/image/snapshotTable.ts';
import type { L1Place, SnapshotL1 } from '../engine/image/tablePlace.ts';

/** Tells where the L1 tables of snapshots are. Reads the snapshot table once, when it is first asked; after an error, again. */
export function snapshotL1Places(image: Image): SnapshotL1 {
  let reading: Promise<ReadonlyMap<number, L1Place>> | undefined;
  return async (index) => {
    reading ??= readPlaces(image).catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    const place = (await reading).get(index);
    if (!place) {
      throw new Qcow2Error('not-found', `The snapshot table has no entry ${index} that can be read.`);
    }
    return place;
  };
}

async function readPlaces({ storage, header }: Image): Promise<ReadonlyMap<number, L1Place>> {
  const places = new Map<number, L1Place>();
  if (header) {
    await walkSnapshotTable(storage, header, ({ entries }) => {
      for (const snapshot of entries) {
        const { l1_table_offset: offset, l1_size: count } = snapshot.fields;
        places.set(snapshot.index, { offset, entries: count, size: snapshotDiskSize(snapshot, header.size) });
      }
    });
  }
  return places;
}
