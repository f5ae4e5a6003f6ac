import { type Bitmap, bitmapName, dirtyTracking } from '../format/bitmaps.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { readBitmaps } from '../image/bitmapDirectory.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import type { Storage } from '../ports.ts';

/** Bit 0 of a directory entry's flags: in_use. */
const inUse = 1;
/** Bit 1: auto. */
const auto = 2;

/** An entry of the bitmap directory as it is written. */
export type DirectoryEntry = Pick<Bitmap, 'fields' | 'extraData' | 'nameBytes'>;

/** Where the table of a bitmap was put. */
export interface StoredTable {
  /** Host offset in bytes. */
  readonly offset: bigint;
  readonly entries: number;
}

/** A bitmap on disk whose bits another one gets. */
export interface BitmapSource {
  readonly storage: Storage;
  readonly geometry: Geometry;
  readonly bitmap: Bitmap;
}

/** A bitmap as a change is to leave it. */
export interface PlannedBitmap {
  readonly nameBytes: Uint8Array;
  readonly granularityBits: number;
  /** Whether writes are recorded in it (flag auto). */
  readonly enabled: boolean;
  /** Not saved properly (flag in_use): stays as it is on disk. */
  readonly inconsistent: boolean;
  /** What is dirty in any of these is dirty in it. */
  readonly sources: ReadonlySet<BitmapSource>;
  /** Its entry on disk, unless it is new. */
  readonly entry: Bitmap | undefined;
}

/** The bitmaps of an image as QEMU loads them: none where the image does not say that they are up to date. */
export async function loadedBitmaps({ storage, geometry, header, bitmapDirectory }: Image): Promise<PlannedBitmap[]> {
  if (!geometry || !header || !hasBitmaps(header) || !bitmapDirectory) {
    return [];
  }
  const bitmaps = await readBitmaps(storage, bitmapDirectory);
  return bitmaps.map((bitmap) => ({
    nameBytes: bitmap.nameBytes,
    granularityBits: bitmap.fields.granularity_bits,
    enabled: (bitmap.fields.flags & auto) !== 0,
    inconsistent: (bitmap.fields.flags & inUse) !== 0,
    sources: new Set([{ storage, geometry, bitmap }]),
    entry: bitmap,
  }));
}

/** The name as text. */
export function plannedName({ nameBytes }: PlannedBitmap): string {
  return bitmapName({ nameBytes });
}

/** The directory entry of a bitmap whose table was put somewhere. */
export function entryOf({ enabled, granularityBits, nameBytes }: PlannedBitmap, table: StoredTable): DirectoryEntry {
  const fields = {
    bitmap_table_offset: table.offset,
    bitmap_table_size: table.entries,
    flags: enabled ? auto : 0,
    type: dirtyTracking,
    granularity_bits: granularityBits,
    name_size: nameBytes.length,
    extra_data_size: 0,
  };
  return { fields, extraData: new Uint8Array(), nameBytes };
}

/** Bytes of the disk that bitmaps speak of: QEMU's disks end at a sector. */
export function trackedSize({ guestSize }: Geometry): bigint {
  return guestSize - (guestSize % 512n);
}
