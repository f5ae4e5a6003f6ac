import { type Bitmap, bitmapName } from '../format/bitmaps.ts';
import { type Snapshot, snapshotId, snapshotUnknownExtra } from '../format/snapshots.ts';
import { readBitmaps } from '../image/bitmapDirectory.ts';
import { bitmapDetails, snapshotDetails } from '../image/describeLists.ts';
import type { Image } from '../image/image.ts';
import { readSnapshots } from '../image/snapshotTable.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import { type DifferenceSection, type DifferenceVisitor, oneValue, pairByKey } from './difference.ts';
import { compareEntryTables } from './entryTables.ts';
import { compareBytes, compareFields } from './header.ts';

/** A snapshot that both images have. */
export interface SnapshotPair {
  readonly name: string;
  readonly a: Snapshot;
  readonly b: Snapshot;
}

/** Compares the snapshot tables, entries by their IDs; returns the snapshots that both images have. */
export async function compareSnapshots(a: Image, b: Image, visit: DifferenceVisitor): Promise<SnapshotPair[]> {
  const read = ({ storage, header }: Image): Promise<Snapshot[]> | Snapshot[] =>
    header ? readSnapshots(storage, header) : [];
  const [left, right] = [await read(a), await read(b)];
  const both: SnapshotPair[] = [];
  for (const pair of pairByKey(left, right, snapshotId)) {
    const [one, other] = [pair.a && snapshotDetails(pair.a), pair.b && snapshotDetails(pair.b)];
    const name = `snapshot ${(one ?? other)?.id}`;
    if (!pair.a || !pair.b || !one || !other) {
      visit({
        section: 'snapshots',
        place: name,
        ...(one ? { a: oneValue(one.name) } : {}),
        ...(other ? { b: oneValue(other.name) } : {}),
      });
      continue;
    }
    both.push({ name, a: pair.a, b: pair.b });
    if (one.name !== other.name) {
      visit({ section: 'snapshots', place: `${name}: name`, a: oneValue(one.name), b: oneValue(other.name) });
    }
    compareFields('snapshots', `${name}: `, one.fields, other.fields, visit);
    compareFields('snapshots', `${name}: `, one.extraFields, other.extraFields, visit);
    const [extra, otherExtra] = [snapshotUnknownExtra(pair.a), snapshotUnknownExtra(pair.b)];
    compareBytes('snapshots', `${name}: unknown extra data`, extra, otherExtra, visit);
  }
  compareOrder('snapshots', left.map(snapshotId), right.map(snapshotId), visit);
  return both;
}

/** Compares the bitmap directories, entries by their names, and the bitmaps' tables; not the bits. */
export async function compareBitmaps(a: Image, b: Image, visit: DifferenceVisitor, progress: Progress): Promise<void> {
  const read = ({ storage, bitmapDirectory: place }: Image): Promise<Bitmap[]> | Bitmap[] =>
    place ? readBitmaps(storage, place) : [];
  const [left, right] = [await read(a), await read(b)];
  for (const pair of pairByKey(left, right, bitmapName)) {
    const [one, other] = [pair.a && bitmapDetails(pair.a), pair.b && bitmapDetails(pair.b)];
    const name = `bitmap ${(one ?? other)?.name}`;
    if (!pair.a || !pair.b || !one || !other) {
      visit({
        section: 'bitmaps',
        place: name,
        ...(one ? { a: oneValue(one.name) } : {}),
        ...(other ? { b: oneValue(other.name) } : {}),
      });
      continue;
    }
    compareFields('bitmaps', `${name}: `, one.fields, other.fields, visit);
    compareBytes('bitmaps', `${name}: extra data`, one.extra, other.extra, visit);
    const table = (image: Image, { fields }: Bitmap) => ({
      storage: image.storage,
      offset: fields.bitmap_table_offset,
      entries: Math.min(fields.bitmap_table_size, limits.bitmapTableEntries),
    });
    const of = { section: 'bitmaps', name: `${name}: table` } as const;
    await compareEntryTables(of, table(a, pair.a), table(b, pair.b), visit, progress);
  }
  compareOrder('bitmaps', left.map(bitmapName), right.map(bitmapName), visit);
}

/** Tells where two lists have the same entries in another order. */
function compareOrder(
  section: DifferenceSection,
  a: readonly string[],
  b: readonly string[],
  visit: DifferenceVisitor,
): void {
  const at = a.findIndex((key, index) => key !== b[index]);
  const [one, other] = [a[at], b[at]];
  if (one !== undefined && other !== undefined && a.toSorted().join('\0') === b.toSorted().join('\0')) {
    visit({ section, place: `order, entry ${at}`, a: oneValue(one), b: oneValue(other) });
  }
}
