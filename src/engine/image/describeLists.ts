import { type Bitmap, bitmapFields, bitmapFlagNames, bitmapName, encodeBitmap } from '../format/bitmaps.ts';
import { fieldRows } from '../format/rows.ts';
import {
  type Snapshot,
  snapshotExtra,
  snapshotExtraFields,
  snapshotFields,
  snapshotFixedBytes,
  snapshotId,
  snapshotName,
  snapshotUnknownExtra,
  snapshotVmStateSize,
} from '../format/snapshots.ts';
import { walkBitmapDirectory } from './bitmapDirectory.ts';
import type { BitmapDescription, BitmapDetails, Section, SnapshotDescription, SnapshotDetails } from './description.ts';
import { bitmapPage, snapshotPage } from './entryPages.ts';
import type { Image, SectionState } from './image.ts';
import { walkSnapshotTable } from './snapshotTable.ts';

/** Entries that a description of the whole image lists at most; the others come in pages. */
export const listedEntries = 1000;

/** The first entries of the snapshot table, and how many there are. */
export async function describeSnapshots(image: Image): Promise<Section<SnapshotDescription>> {
  const snapshots = await snapshotPage(image, 0, listedEntries);
  return section(image.snapshots, snapshots.map(describeSnapshot));
}

/** The first entries of the bitmap directory, and how many there are. */
export async function describeBitmaps(image: Image): Promise<Section<BitmapDescription>> {
  const bitmaps = await bitmapPage(image, 0, listedEntries);
  return section(image.bitmaps, bitmaps.map(describeBitmap));
}

function section<T>({ state, count }: { state: SectionState; count: number }, items: readonly T[]): Section<T> {
  return { state, items, ...(count > items.length ? { count } : {}) };
}

/** Visits all snapshots, one at a time: they are never in memory together. */
export async function eachSnapshot(image: Image, visit: (snapshot: SnapshotDetails) => void): Promise<void> {
  if (image.header && image.geometry) {
    await walkSnapshotTable(image.storage, image.header, ({ entries }) => {
      for (const entry of entries) {
        visit(snapshotDetails(entry));
      }
    });
  }
}

/** Visits all bitmaps, one at a time. */
export async function eachBitmap(image: Image, visit: (bitmap: BitmapDetails) => void): Promise<void> {
  if (image.bitmapDirectory) {
    await walkBitmapDirectory(image.storage, image.bitmapDirectory, ({ entries }) => {
      for (const entry of entries) {
        visit(bitmapDetails(entry));
      }
    });
  }
}

/** A snapshot as a row of the list. */
export function describeSnapshot(snapshot: Snapshot): SnapshotDescription {
  const { fields } = snapshot;
  const { disk_size: diskSize, icount } = snapshotExtra(snapshot);
  return {
    id: snapshotId(snapshot),
    name: snapshotName(snapshot),
    offset: snapshot.offset,
    l1Offset: fields.l1_table_offset,
    l1Entries: fields.l1_size,
    dateSeconds: fields.date_sec,
    dateNanoseconds: fields.date_nsec,
    vmClockNanoseconds: fields.vm_clock_nsec,
    vmStateSize: snapshotVmStateSize(snapshot),
    ...(diskSize === undefined ? {} : { diskSize }),
    ...(icount === undefined ? {} : { icount }),
    extraBytes: fields.extra_data_size,
    // A copy: what is listed must not hold the whole entry.
    unknownExtra: snapshotUnknownExtra(snapshot).slice(),
  };
}

/** All of a snapshot. */
export function snapshotDetails(snapshot: Snapshot): SnapshotDetails {
  const { bytes } = snapshot;
  const extra = { bytes, base: snapshotFixedBytes, length: snapshot.fields.extra_data_size };
  const known = snapshotExtraFields.filter(({ offset, width }) => offset + width <= extra.length);
  return {
    ...describeSnapshot(snapshot),
    length: snapshot.length,
    fields: fieldRows(snapshotFields, { bytes }),
    extraFields: fieldRows(known, extra),
  };
}

/** A bitmap as a row of the list. */
export function describeBitmap(bitmap: Bitmap): BitmapDescription {
  const { fields } = bitmap;
  return {
    name: bitmapName(bitmap),
    offset: bitmap.offset,
    granularity: 1n << BigInt(fields.granularity_bits),
    type: fields.type,
    flags: bitmapFlagNames(fields.flags),
    tableOffset: fields.bitmap_table_offset,
    tableEntries: fields.bitmap_table_size,
    extra: bitmap.extraData,
  };
}

/** All of a bitmap. */
export function bitmapDetails(bitmap: Bitmap): BitmapDetails {
  const bytes = encodeBitmap(bitmap);
  return { ...describeBitmap(bitmap), length: bytes.length, fields: fieldRows(bitmapFields, { bytes }) };
}
