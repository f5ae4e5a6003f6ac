import { type Bitmap, bitmapFields, bitmapFlagNames, bitmapName, encodeBitmap } from '../format/bitmaps.ts';
import { fieldRows } from '../format/rows.ts';
import {
  type Snapshot,
  snapshotExtra,
  snapshotFields,
  snapshotId,
  snapshotName,
  snapshotUnknownExtra,
  snapshotVmStateSize,
} from '../format/snapshots.ts';
import { readBitmaps } from './bitmapDirectory.ts';
import type { BitmapDescription, Section, SnapshotDescription } from './description.ts';
import type { Image } from './image.ts';
import { readSnapshots } from './snapshotTable.ts';

/** The snapshot table, as far as it can be read. */
export async function describeSnapshots(image: Image): Promise<Section<SnapshotDescription>> {
  const snapshots = image.header && image.geometry ? await readSnapshots(image.storage, image.header) : [];
  return { state: image.snapshots.state, items: snapshots.map(describeSnapshot) };
}

/** The bitmap directory, as far as it can be read. */
export async function describeBitmaps(image: Image): Promise<Section<BitmapDescription>> {
  const bitmaps = image.bitmapDirectory ? await readBitmaps(image.storage, image.bitmapDirectory) : [];
  return { state: image.bitmaps.state, items: bitmaps.map(describeBitmap) };
}

function describeSnapshot(snapshot: Snapshot): SnapshotDescription {
  const { fields } = snapshot;
  const { disk_size: diskSize, icount } = snapshotExtra(snapshot);
  return {
    id: snapshotId(snapshot),
    name: snapshotName(snapshot),
    offset: snapshot.offset,
    // Made when they are asked for: with 65536 snapshots they would take hundreds of MiB.
    get fields() {
      return fieldRows(snapshotFields, { bytes: snapshot.bytes });
    },
    l1Offset: fields.l1_table_offset,
    l1Entries: fields.l1_size,
    dateSeconds: fields.date_sec,
    dateNanoseconds: fields.date_nsec,
    vmClockNanoseconds: fields.vm_clock_nsec,
    vmStateSize: snapshotVmStateSize(snapshot),
    ...(diskSize === undefined ? {} : { diskSize }),
    ...(icount === undefined ? {} : { icount }),
    unknownExtra: snapshotUnknownExtra(snapshot),
  };
}

function describeBitmap(bitmap: Bitmap): BitmapDescription {
  const { fields } = bitmap;
  return {
    name: bitmapName(bitmap),
    offset: bitmap.offset,
    get fields() {
      return fieldRows(bitmapFields, { bytes: encodeBitmap(bitmap) });
    },
    granularity: 1n << BigInt(fields.granularity_bits),
    flags: bitmapFlagNames(fields.flags),
    tableOffset: fields.bitmap_table_offset,
    tableEntries: fields.bitmap_table_size,
    extra: bitmap.extraData,
  };
}
