import type { HeaderChange } from '../change/firstCluster.ts';
import { Qcow2Error } from '../error.ts';
import { type Bitmap, bitmapName, encodeBitmap } from '../format/bitmaps.ts';
import { bitmapAllOnes, bitmapPlace, bitmapTableEntryBytes, encodeBitmapTableEntry } from '../format/bitmapTable.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { bitmapsFields, extensionOf, extensionTypes } from '../format/extensions.ts';
import { readBitmaps } from '../image/bitmapDirectory.ts';
import { neededEntries } from '../image/bitmapLoading.ts';
import type { ClusterCounts } from '../image/clusterCounts.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import type { Blocker } from './blockers.ts';
import type { ResizePlan } from './resizePlan.ts';

/** Bit 0 of a directory entry's flags: in_use. */
const inUse = 1;

/** A disk's size before and after. */
interface Sizes {
  readonly from: bigint;
  readonly to: bigint;
}

/** Why the disk of an image can't get another size: a bitmap that was not saved properly (qcow2_truncate_bitmaps_check). */
export async function bitmapBlocker(image: Image): Promise<Blocker | undefined> {
  const broken = (await upToDate(image)).find(({ fields }) => (fields.flags & inUse) !== 0);
  const name = broken && bitmapName(broken);
  return name === undefined
    ? undefined
    : {
        says: `Bitmap '${name}' was not saved properly (in use), so that it can't follow the disk's size. Remove it first.`,
        qemu: `Bitmap '${name}' is inconsistent and cannot be used\nTry block-dirty-bitmap-remove to delete this bitmap from disk`,
      };
}

/**
 * Drafts the bitmaps for another size of the disk: what is new in them is clean. Those that are the same for both sizes
 * stay where they are; of the others table and last data come anew, and with them a directory. Returns what leads there.
 *
 * @param gone - counts what nothing leads to any more then
 * @throws `Qcow2Error` `too-large` where a bitmap would get larger than one may be
 */
export async function resizeBitmaps(
  plan: ResizePlan,
  sizes: Sizes,
  gone: ClusterCounts,
): Promise<Pick<HeaderChange, 'extensions'>> {
  const { image, geometry, draft, clusters } = plan;
  const bitmaps = await upToDate(image);
  const entries: Bitmap[] = [];
  for (const bitmap of bitmaps) {
    entries.push((await resizeBitmap(plan, bitmap, sizes, gone)) ?? bitmap);
  }
  const extension = extensionOf(image.extensions, extensionTypes.bitmaps);
  if (!extension || !image.bitmapDirectory || entries.every((entry, index) => entry === bitmaps[index])) {
    return {};
  }
  const { directoryOffset, directorySize } = image.bitmapDirectory;
  const directory = new Uint8Array(Number(directorySize));
  await draft.read(directoryOffset, directory);
  for (const entry of entries) {
    directory.set(encodeBitmap(entry), Number(entry.offset - directoryOffset));
  }
  const count = Math.ceil(directory.length / geometry.clusterSize);
  const start = await (await clusters.get()).allocate(count);
  const offset = BigInt(start) * BigInt(geometry.clusterSize);
  await draft.write('bitmap directory', offset, directory);
  gone.addRun(Number(directoryOffset) / geometry.clusterSize, count);
  const data = extension.data.slice();
  new DataView(data.buffer).setBigUint64(offsetOfDirectory, offset);
  return { extensions: new Map([[extensionTypes.bitmaps, data]]) };
}

const offsetOfDirectory = bitmapsFields.find(({ name }) => name === 'bitmap_directory_offset')?.offset ?? 16;

/** The bitmaps of an image, if it says that they are up to date. */
async function upToDate({ header, bitmapDirectory, storage }: Image): Promise<Bitmap[]> {
  return header && hasBitmaps(header) && bitmapDirectory ? readBitmaps(storage, bitmapDirectory) : [];
}

/** The directory entry of a bitmap that changes; undefined where it is the same for both sizes. */
async function resizeBitmap(
  plan: ResizePlan,
  bitmap: Bitmap,
  { from, to }: Sizes,
  gone: ClusterCounts,
): Promise<Bitmap | undefined> {
  const { geometry, draft, clusters } = plan;
  const { clusterSize, clusterBits } = geometry;
  const { granularity_bits: granularityBits, bitmap_table_size: former } = bitmap.fields;
  const needed = neededEntries(granularityBits, { virtualSize: to, clusterBits });
  if (needed * BigInt(clusterSize) > BigInt(limits.bitmapBytes)) {
    throw new Qcow2Error(
      'too-large',
      `The disk can't be that large: bitmap '${bitmapName(bitmap)}' would have more than ${limits.bitmapBytes} bytes. Remove it first, or make it anew with a larger granularity.`,
    );
  }
  const entries = Number(needed);
  const table = new Uint8Array(former * bitmapTableEntryBytes);
  await draft.read(bitmap.fields.bitmap_table_offset, table);
  // The bits that both sizes have; all behind are to be 0.
  const bits = divideUp(from < to ? from : to, 1n << BigInt(granularityBits));
  const cut = await cutData(plan, new DataView(table.buffer), bits, gone);
  if (!cut && entries === former) {
    return undefined;
  }
  const resized = new Uint8Array(entries * bitmapTableEntryBytes);
  resized.set(table.subarray(0, resized.length));
  countDropped(new DataView(table.buffer), entries, clusterSize, gone);
  const start = await (await clusters.get()).allocate(Math.ceil(resized.length / clusterSize));
  const offset = BigInt(start) * BigInt(clusterSize);
  await draft.write(`bitmap[${bitmap.index}] table`, offset, resized);
  gone.addRun(
    Number(bitmap.fields.bitmap_table_offset) / clusterSize,
    Math.ceil((former * bitmapTableEntryBytes) / clusterSize),
  );
  const fields = { ...bitmap.fields, bitmap_table_offset: offset, bitmap_table_size: entries };
  return { ...bitmap, fields };
}

/**
 * Has the bits from `bits` on be 0 in the table entry that holds both some before and some after, by a new cluster of
 * data; returns whether that takes one.
 */
async function cutData(
  { geometry, draft, clusters }: ResizePlan,
  table: DataView,
  bits: bigint,
  gone: ClusterCounts,
): Promise<boolean> {
  const { clusterSize } = geometry;
  const perEntry = BigInt(clusterSize * 8);
  const at = Number(bits / perEntry) * bitmapTableEntryBytes;
  const kept = Number(bits % perEntry);
  if (kept === 0 || at >= table.byteLength) {
    return false;
  }
  const [hi, lo] = [table.getUint32(at), table.getUint32(at + 4)];
  const place = bitmapPlace(hi, lo);
  const before = new Uint8Array(clusterSize);
  if (place === 0 && !bitmapAllOnes(hi, lo)) {
    return false;
  }
  if (place === 0) {
    before.fill(0xff);
  } else {
    await draft.read(BigInt(place), before);
  }
  const after = before.slice();
  const byte = Math.floor(kept / 8);
  after[byte] = (after[byte] ?? 0) & ((1 << (kept % 8)) - 1);
  after.fill(0, byte + 1);
  if (after.every((value, index) => value === before[index])) {
    return false;
  }
  const start = await (await clusters.get()).allocate(1);
  const offset = BigInt(start) * BigInt(clusterSize);
  await draft.write('bitmap data', offset, after);
  gone.addRun(place / clusterSize, place === 0 ? 0 : 1);
  const entry = encodeBitmapTableEntry(offset, false);
  table.setUint32(at, entry.hi);
  table.setUint32(at + 4, entry.lo);
  return true;
}

/** Counts the data of the entries from `from` on. */
function countDropped(table: DataView, from: number, clusterSize: number, gone: ClusterCounts): void {
  for (let at = from * bitmapTableEntryBytes; at < table.byteLength; at += bitmapTableEntryBytes) {
    const place = bitmapPlace(table.getUint32(at), table.getUint32(at + 4));
    gone.addRun(place / clusterSize, place === 0 ? 0 : 1);
  }
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
