import { bitmapHasReserved, bitmapPlace, bitmapTableEntryBytes, bitmapUnaligned } from '../format/bitmapTable.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { readBitmaps } from '../image/bitmapDirectory.ts';
import { type EntrySegment, walkEntries } from '../image/entryTables.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import { CheckStopped } from './checkStopped.ts';
import type { Regions } from './regions.ts';
import type { Tally } from './tally.ts';

/**
 * Counts the clusters of the bitmaps, as QEMU does (qcow2_check_bitmaps_refcounts). Throws `CheckStopped` where a table
 * has a wrong entry: QEMU's check ends there.
 */
export async function checkBitmaps(image: Image, regions: Regions, tally: Tally, progress: Progress): Promise<void> {
  const { bitmapDirectory: directory, geometry, storage, header } = image;
  // Bitmaps that are not up to date are none.
  if (!directory || !geometry || !header || !hasBitmaps(header) || directory.count === 0) {
    return;
  }
  regions.refer(directory.directoryOffset, directory.directorySize);
  for (const { fields } of await readBitmaps(storage, directory)) {
    const { bitmap_table_offset: offset, bitmap_table_size: entries } = fields;
    if (entries > limits.bitmapTableEntries) {
      // QEMU does not open the image, and none of the table is read: in a sparse file it may be of gigabytes.
      continue;
    }
    regions.refer(offset, BigInt(entries) * BigInt(bitmapTableEntryBytes));
    const segment: EntrySegment = { offset: Number(offset), entries, source: 0, first: 0, references: 1 };
    const data: number[] = [];
    let fault: string | undefined;
    await walkEntries(
      storage,
      [segment],
      (_segment, _index, hi, lo) => {
        if (bitmapHasReserved(hi, lo) || bitmapUnaligned(lo, geometry.clusterBits)) {
          fault ??= 'EINVAL';
        }
        data.push(bitmapPlace(hi, lo));
      },
      (_segment, _index, _count, system) => {
        fault ??= system ?? 'EIO';
      },
      () => progress.step(0, 0),
    );
    if (fault !== undefined) {
      tally.corruptions++;
      throw new CheckStopped(fault);
    }
    for (const at of data) {
      if (at !== 0) {
        regions.refer(BigInt(at), BigInt(geometry.clusterSize));
      }
    }
  }
}
