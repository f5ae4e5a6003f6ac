import type { ByteRange } from '../finding.ts';
import { bitmapFixedBytes } from '../format/bitmaps.ts';
import { alignEntry } from '../format/chunk.ts';
import { extensionHeadBytes, extensionOf, extensionTypes } from '../format/extensions.ts';
import { luksHeaderBytes, luksKeyMaterial } from '../format/luks.ts';
import { snapshotFixedBytes, snapshotNameBytes, snapshotVmStateSize } from '../format/snapshots.ts';
import { walkBitmapDirectory } from '../image/bitmapDirectory.ts';
import type { TableEnd } from '../image/entryTable.ts';
import { readFirstBytes, readFirstCluster, usedFirstBytes } from '../image/firstCluster.ts';
import type { Image } from '../image/image.ts';
import { walkSnapshotTable } from '../image/snapshotTable.ts';
import { limits } from '../limits.ts';

/** What a name in an image names. */
export type NameKind = 'backing-file' | 'data-file' | 'snapshot' | 'bitmap';

/** A name that whoever made the image has chosen. */
export interface StoredName {
  readonly kind: NameKind;
  /** Host offset in bytes. */
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

/** Where the metadata is that does not fill its clusters. */
export interface MetadataPlaces {
  /** Exactly the bytes that are used, in host order, without overlaps. */
  readonly ranges: readonly ByteRange[];
  readonly names: readonly StoredName[];
  /** Key material of LUKS. */
  readonly secret: readonly ByteRange[];
  /** Snapshots that have the state of a machine. */
  readonly vmStates: number;
}

/**
 * Finds the used bytes of the header, the extensions, the lists of snapshots and bitmaps, L1 tables, bitmap tables and the
 * LUKS header: what lies behind them in their clusters may be anything, old guest data too. Of a list that breaks off, the
 * entry at which it does is included.
 */
export async function metadataPlaces(image: Image): Promise<MetadataPlaces> {
  const ranges: ByteRange[] = [];
  const names: StoredName[] = [];
  await addHeader(image, ranges, names);
  const vmStates = await addSnapshots(image, ranges, names);
  await addBitmaps(image, ranges, names);
  const { luksArea } = image;
  if (luksArea) {
    ranges.push({ offset: luksArea.offset, length: least(luksArea.length, BigInt(luksHeaderBytes)) });
  }
  return { ranges: mergedRanges(ranges, image.storage.size), names, secret: keyMaterial(image), vmStates };
}

async function addHeader(image: Image, ranges: ByteRange[], names: StoredName[]): Promise<void> {
  const { storage, header, extensions, backing, l1 } = image;
  if (!header) {
    return;
  }
  const { bytes } = await readFirstCluster(storage, await readFirstBytes(storage), header);
  const { extensionsEnd, name } = usedFirstBytes(bytes, header);
  ranges.push({ offset: 0n, length: BigInt(extensionsEnd) });
  ranges.push({ offset: BigInt(name.from), length: BigInt(name.to - name.from) });
  ranges.push({ offset: l1.offset, length: BigInt(l1.entries) * 8n });
  if (backing && backing.offset >= BigInt(header.headerLength)) {
    names.push({ kind: 'backing-file', offset: backing.offset, bytes: backing.nameBytes });
  }
  const dataFile = extensionOf(extensions, extensionTypes.dataFile);
  if (dataFile) {
    const offset = BigInt(dataFile.offset + extensionHeadBytes);
    names.push({ kind: 'data-file', offset, bytes: dataFile.data });
  }
}

/** Returns the number of snapshots with the state of a machine. */
async function addSnapshots({ storage, header }: Image, ranges: ByteRange[], names: StoredName[]): Promise<number> {
  if (!header) {
    return 0;
  }
  let vmStates = 0;
  const end = await walkSnapshotTable(storage, header, ({ entries }) => {
    for (const snapshot of entries) {
      const { offset, bytes, fields, length } = snapshot;
      ranges.push({ offset, length: BigInt(bytes.length) });
      const l1Bytes = Math.min(fields.l1_size * 8, limits.l1TableBytes);
      ranges.push({ offset: fields.l1_table_offset, length: BigInt(l1Bytes) });
      if (bytes.length === length) {
        const name = snapshotNameBytes(snapshot);
        names.push({ kind: 'snapshot', offset: offset + BigInt(length - name.length), bytes: name });
      }
      vmStates += snapshotVmStateSize(snapshot) > 0n ? 1 : 0;
    }
  });
  addBroken(ranges, end, snapshotFixedBytes);
  return vmStates;
}

async function addBitmaps(
  { storage, bitmapDirectory }: Image,
  ranges: ByteRange[],
  names: StoredName[],
): Promise<void> {
  if (!bitmapDirectory) {
    return;
  }
  const end = await walkBitmapDirectory(storage, bitmapDirectory, ({ entries }) => {
    for (const { offset, fields, extraData, nameBytes } of entries) {
      const length = BigInt(bitmapFixedBytes + extraData.length + nameBytes.length);
      ranges.push({ offset, length });
      const tableEntries = Math.min(fields.bitmap_table_size, limits.bitmapTableEntries);
      ranges.push({ offset: fields.bitmap_table_offset, length: BigInt(tableEntries) * 8n });
      names.push({ kind: 'bitmap', offset: offset + length - BigInt(nameBytes.length), bytes: nameBytes });
    }
  });
  addBroken(ranges, end, bitmapFixedBytes);
}

/** The entry at which a list breaks off: its fixed part tells why. */
function addBroken(ranges: ByteRange[], end: TableEnd | undefined, fixedBytes: number): void {
  if (end && !end.whole) {
    ranges.push({ offset: alignEntry(end.offset), length: BigInt(fixedBytes) });
  }
}

/** Also that of key slots that are not in use: the key may still be there. */
function keyMaterial({ luks, luksArea: area }: Image): ByteRange[] {
  if (!luks || !area) {
    return [];
  }
  return luks.slots.flatMap((slot) => {
    const { offset, length } = luksKeyMaterial(luks, slot);
    return offset < area.length ? [{ offset: area.offset + offset, length: least(length, area.length - offset) }] : [];
  });
}

/** Ranges in host order, without overlaps, and only what is in the file. */
export function mergedRanges(ranges: readonly ByteRange[], fileSize: bigint): ByteRange[] {
  const inFile = ranges.filter(({ offset, length }) => length > 0n && offset < fileSize);
  const joined: { offset: bigint; length: bigint }[] = [];
  for (const { offset, length } of inFile.sort((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0))) {
    const end = least(offset + length, fileSize);
    const last = joined.at(-1);
    if (last && offset <= last.offset + last.length) {
      last.length = end - last.offset > last.length ? end - last.offset : last.length;
    } else {
      joined.push({ offset, length: end - offset });
    }
  }
  return joined;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
