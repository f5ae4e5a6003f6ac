import { Qcow2Error } from '../../error.ts';
import { l1EntryBytes, l1Place } from '../../format/l1.ts';
import {
  l2Copied,
  l2Fault,
  l2Faults,
  l2HasReserved,
  l2HostOffset,
  l2Kind,
  l2Kinds,
  l2Unaligned,
} from '../../format/l2.ts';
import { type Geometry, geometryOf } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';

/** L2 tables that are looked at. */
const mostTables = 64;
/** Entries by which what the header says is doubted, at the least. */
const fewEntries = 3;

/** Bits of the header that tell how tables are read, and what is told where they seem to be wrong. */
const readings: readonly (readonly [bit: bigint, name: string])[] = [
  [1n << 2n, 'external data file (incompatible feature bit 2)'],
  [1n << 4n, 'extended L2 entries (incompatible feature bit 4)'],
];

/**
 * Throws `refused` where the header itself is what is wrong: the places that it gives are at no clusters of its size, or most
 * entries of the L2 tables are wrong and hardly any would be if one bit of the header were different. By such a header, all
 * that is right in the tables would be taken for wrong, and be lost.
 */
export async function requireFittingHeader(image: Image, geometry: Geometry): Promise<void> {
  requireFittingClusters(image, geometry);
  const { header } = image;
  const now = await entriesBy(image, geometry);
  if (!header || header.version < 3 || now.all < fewEntries || now.wrong * 4 <= now.all) {
    return;
  }
  for (const [bit, name] of readings) {
    const fields = { ...header, incompatible_features: header.incompatible_features ^ bit };
    const other = geometryOf(fields, geometry.fileSize);
    const then = other ? await entriesBy(image, other) : now;
    if (then.all >= fewEntries && then.wrong * 20 <= then.all) {
      const [says, seems] = (header.incompatible_features & bit) !== 0n ? ['has', 'without'] : ['has no', 'with'];
      throw new Qcow2Error(
        'refused',
        `The image is not changed. The header says that it ${says} ${name}, but ${now.wrong} of ${now.all} entries of its L2 tables are wrong then, and ${then.wrong} of ${then.all} ${seems} it. Put the header right first.`,
      );
    }
  }
}

/** Where two of the tables are at no cluster, it is the size of a cluster that is wrong. */
function requireFittingClusters({ header, bitmapDirectory }: Image, { clusterSize }: Geometry): void {
  const places = [
    header?.l1_table_offset ?? 0n,
    header?.refcount_table_offset ?? 0n,
    header?.nb_snapshots ? header.snapshots_offset : 0n,
    bitmapDirectory?.directoryOffset ?? 0n,
  ];
  const wrong = places.filter((place) => place % BigInt(clusterSize) !== 0n);
  if (wrong.length >= 2) {
    throw new Qcow2Error(
      'refused',
      `The image is not changed. The header says that a cluster has ${clusterSize} bytes, but ${wrong.length} of the tables that it leads to are at no cluster of that size. Put the header right first.`,
    );
  }
}

/** The entries of the active layer's first L2 tables that are not 0, and those that are wrong, as read by a geometry. */
async function entriesBy({ storage, l1 }: Image, geometry: Geometry): Promise<{ all: number; wrong: number }> {
  const { clusterSize, l2EntryBytes, l2Entries, extended } = geometry;
  const bytes = new Uint8Array(clusterSize);
  const view = new DataView(bytes.buffer);
  let [tables, all, wrong] = [0, 0, 0];
  for (let index = 0; index * l1EntryBytes < l1.view.byteLength && tables < mostTables; index++) {
    const at = index * l1EntryBytes;
    const table = BigInt(l1Place(l1.view.getUint32(at), l1.view.getUint32(at + 4)));
    const isTable = table > 0n && table < geometry.fileSize && table % BigInt(clusterSize) === 0n;
    if (!isTable || (await readHostBytes(storage, table, bytes)).length > 0) {
      continue;
    }
    tables++;
    for (let entry = 0; entry < l2Entries; entry++) {
      const place = entry * l2EntryBytes;
      const [hi, lo] = [view.getUint32(place), view.getUint32(place + 4)];
      const [zero, alloc] = extended ? [view.getUint32(place + 8), view.getUint32(place + 12)] : [0, 0];
      if ((hi | lo | zero | alloc) !== 0) {
        all++;
        const fault = l2Fault(hi, lo, alloc, zero, (index * l2Entries + entry) * clusterSize, geometry);
        const isWrong = fault !== l2Faults.none || leadsNowhere(hi, lo, geometry) || isEntry(zero, alloc, geometry);
        wrong += isWrong ? 1 : 0;
      }
    }
  }
  return { all, wrong };
}

function leadsNowhere(hi: number, lo: number, geometry: Geometry): boolean {
  if (l2Kind(hi, lo, geometry) === l2Kinds.compressed) {
    return false;
  }
  return l2HasReserved(hi, lo) || (!geometry.dataFile && l2HostOffset(hi, lo) >= Number(geometry.fileSize));
}

/** Whether what should be the bitmaps of subclusters is an entry that leads to data. */
function isEntry(hi: number, lo: number, geometry: Geometry): boolean {
  const isSound = l2Copied(hi) && !l2HasReserved(hi, lo) && !l2Unaligned(lo, geometry.clusterBits);
  return isSound && l2HostOffset(hi, lo) !== 0 && !leadsNowhere(hi, lo, geometry);
}
