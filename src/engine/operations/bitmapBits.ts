import { Qcow2Error } from '../error.ts';
import { bitmapName } from '../format/bitmaps.ts';
import {
  bitmapAllOnes,
  bitmapHasReserved,
  bitmapPlace,
  bitmapTableEntryBytes,
  bitmapUnaligned,
} from '../format/bitmapTable.ts';
import { walkBitmap } from '../image/bitmapRanges.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Progress } from '../ports.ts';
import { type BitmapSource, type PlannedBitmap, trackedSize } from './plannedBitmap.ts';

/** Bytes of bits that are put together at a time, at least: so much is read of each source. */
const windowBytes = 2 ** 20;

/** A cluster of a bitmap's data with at least one dirty bit. */
export interface DataCluster {
  /** Index in the bitmap's table. */
  readonly index: number;
  /** A cluster's bytes; only good until the next one. */
  readonly bytes: Uint8Array;
}

/** Entries that the table of a bitmap has: a bit a granule, in words of 64 bits as QEMU has them. */
export function tableEntries({ granularityBits }: PlannedBitmap, geometry: Geometry): number {
  return Math.ceil((Math.ceil(granules(granularityBits, geometry) / 64) * 8) / geometry.clusterSize);
}

/**
 * The data of a bitmap as it is to be, made from that of its sources: the clusters with dirty bits, ascending. Bits past
 * the end of the disk are zero. Throws `damaged` where a source can't be read.
 */
export async function* dataClusters(
  bitmap: PlannedBitmap,
  geometry: Geometry,
  progress: Progress,
): AsyncGenerator<DataCluster> {
  const { clusterSize } = geometry;
  const entries = bitmap.sources.size === 0 ? 0 : tableEntries(bitmap, geometry);
  const perWindow = Math.max(1, windowBytes / clusterSize);
  const window = new Uint8Array(Math.min(perWindow, entries) * clusterSize);
  for (let first = 0; first < entries; first += perWindow) {
    const count = Math.min(perWindow, entries - first);
    const bytes = window.subarray(0, count * clusterSize).fill(0);
    let added = false;
    for (const source of bitmap.sources) {
      added = (await addBits(source, bitmap, first * clusterSize, bytes, progress)) || added;
    }
    setBits(bytes, granules(bitmap.granularityBits, geometry) - first * clusterSize * 8, bytes.length * 8, false);
    for (let index = 0; added && index < count; index++) {
      const cluster = bytes.subarray(index * clusterSize, (index + 1) * clusterSize);
      if (!isZero(cluster)) {
        yield { index: first + index, bytes: cluster };
      }
    }
    await progress.step(first + count, entries);
  }
}

/** Bits that a bitmap of a granularity has for the disk. */
function granules(granularityBits: number, geometry: Geometry): number {
  const bytes = 1n << BigInt(granularityBits);
  return Number((trackedSize(geometry) + bytes - 1n) / bytes);
}

/** Adds a source's bits to those from byte `start` of the bitmap's data on; false where it has none there. */
async function addBits(
  source: BitmapSource,
  { granularityBits }: PlannedBitmap,
  start: number,
  into: Uint8Array,
  progress: Progress,
): Promise<boolean> {
  if (source.bitmap.fields.granularity_bits === granularityBits) {
    return addSameBits(source, start, into);
  }
  let added = false;
  const { storage, geometry, bitmap } = source;
  const granularity = BigInt(granularityBits);
  const from = BigInt(start * 8) << granularity;
  const to = BigInt((start + into.length) * 8) << granularity;
  const visit = (state: 'dirty' | 'unknown', at: bigint, length: bigint): boolean => {
    if (at >= to) {
      return false;
    }
    if (state === 'unknown') {
      throw unreadable(source);
    }
    const end = at + length < to ? at + length : to;
    setBits(into, Number((at - from) >> granularity), Number((end - from - 1n) >> granularity) + 1, true);
    added = true;
    return true;
  };
  await walkBitmap(storage, geometry, bitmap, from, visit, progress);
  return added;
}

/** The same for a source of the same granularity, whose bytes are the same though its clusters may have another size. */
async function addSameBits(source: BitmapSource, start: number, into: Uint8Array): Promise<boolean> {
  const { storage, geometry, bitmap } = source;
  const { clusterSize, clusterBits } = geometry;
  const { bitmap_table_offset: offset, bitmap_table_size: entries } = bitmap.fields;
  const first = Math.floor(start / clusterSize);
  const last = Math.min(entries, Math.ceil((start + into.length) / clusterSize));
  const table = new Uint8Array(Math.max(0, last - first) * bitmapTableEntryBytes);
  const view = new DataView(table.buffer);
  const part = new Uint8Array(Math.min(clusterSize, into.length));
  const read = async (at: bigint, bytes: Uint8Array): Promise<void> => {
    if ((await readHostBytes(storage, at, bytes)).length > 0) {
      throw unreadable(source);
    }
  };
  let added = false;
  await read(offset + BigInt(first * bitmapTableEntryBytes), table);
  for (let index = first; index < last; index++) {
    const hi = view.getUint32((index - first) * bitmapTableEntryBytes);
    const lo = view.getUint32((index - first) * bitmapTableEntryBytes + 4);
    const place = bitmapPlace(hi, lo);
    if (bitmapHasReserved(hi, lo) || bitmapUnaligned(lo, clusterBits)) {
      throw unreadable(source);
    }
    added ||= place !== 0 || bitmapAllOnes(hi, lo);
    const from = Math.max(start, index * clusterSize);
    const to = Math.min(start + into.length, (index + 1) * clusterSize);
    if (bitmapAllOnes(hi, lo)) {
      into.fill(0xff, from - start, to - start);
    } else if (place !== 0) {
      const bytes = part.subarray(0, to - from);
      await read(BigInt(place + from - index * clusterSize), bytes);
      for (let at = 0; at < bytes.length; at++) {
        into[from - start + at] = (into[from - start + at] ?? 0) | (bytes[at] ?? 0);
      }
    }
  }
  return added;
}

/** Sets or clears the bits from `from` to `to` (exclusive), as far as they lie in `bytes`: the least significant first. */
function setBits(bytes: Uint8Array, from: number, to: number, on: boolean): void {
  let bit = Math.max(0, from);
  const end = Math.min(to, bytes.length * 8);
  while (bit < end) {
    const at = Math.floor(bit / 8);
    const wholes = Math.floor((end - bit) / 8);
    if (bit % 8 === 0 && wholes > 0) {
      bytes.fill(on ? 0xff : 0, at, at + wholes);
      bit += wholes * 8;
    } else {
      const mask = 1 << (bit % 8);
      bytes[at] = on ? (bytes[at] ?? 0) | mask : (bytes[at] ?? 0) & ~mask;
      bit++;
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0) {
      return false;
    }
  }
  return true;
}

function unreadable({ bitmap }: BitmapSource): Qcow2Error {
  return new Qcow2Error(
    'damaged',
    `The image is not changed: the bits of bitmap '${bitmapName(bitmap)}' can’t be read. Remove it first.`,
  );
}
