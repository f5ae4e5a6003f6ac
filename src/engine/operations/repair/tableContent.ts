import { looksLikeTable } from '../../check/lostTable.ts';
import { bitmapHasReserved, bitmapPlace, bitmapTableEntryBytes, bitmapUnaligned } from '../../format/bitmapTable.ts';
import { compressedCluster } from '../../format/compressed.ts';
import { l1EntryBytes, l1HasReserved, l1Place, l1Unaligned } from '../../format/l1.ts';
import { l2Copied, l2HasReserved, l2HostOffset, l2Kind, l2Kinds, l2Unaligned } from '../../format/l2.ts';
import type { Geometry } from '../../image/geometry.ts';

/** No image has anything so far out, in bytes; random bytes taken for an entry nearly always lead there. */
export const farOut = 2 ** 46;
/** A disk writes sectors whole, so damage comes in them. */
export const sectorBytes = 512;

/**
 * Whether most entries of an L1 table can't be entries: then the place is that of something else, to which a wrong offset
 * leads, and nothing is changed there.
 */
export function isNoL1Table(view: DataView, { clusterBits, fileSize }: Geometry): boolean {
  return mostly(view, l1EntryBytes, (hi, lo) => {
    const isNowhere = l1Unaligned(lo, clusterBits) || BigInt(l1Place(hi, lo)) >= fileSize;
    return l1HasReserved(hi, lo) && isNowhere;
  });
}

/**
 * Whether most entries of an L2 table can't be entries, no sector of it looks like a part of one, and no entry is surely
 * right: a few sectors that were written over can hold more entries than are left, but what is left is still what the guest
 * has.
 */
export function isNoL2Table(view: DataView, geometry: Geometry): boolean {
  // In a sound table the first entry tells.
  return !hasSureEntry(view, geometry) && isMostlyWrong(view, geometry) && !hasTableSector(view, geometry);
}

/** Whether an entry with COPIED leads to a cluster of the file: of other bytes hardly any look so. */
export function hasSureEntry(view: DataView, { clusterBits, fileSize, l2EntryBytes }: Geometry): boolean {
  for (let at = 0; at < view.byteLength; at += l2EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const target = l2HostOffset(hi, lo);
    const isEntry = l2Copied(hi) && !l2HasReserved(hi, lo) && (lo & 1) === 0 && !l2Unaligned(lo, clusterBits);
    if (isEntry && hi >>> 30 === 2 && target > 0 && BigInt(target) < fileSize) {
      return true;
    }
  }
  return false;
}

function hasTableSector({ buffer, byteOffset, byteLength }: DataView, geometry: Geometry): boolean {
  for (let at = 0; at < byteLength; at += sectorBytes) {
    if (looksLikeTable(new DataView(buffer, byteOffset + at, sectorBytes), geometry)) {
      return true;
    }
  }
  return false;
}

function isMostlyWrong(view: DataView, geometry: Geometry): boolean {
  const { clusterBits, clusterSize, fileSize, l2EntryBytes } = geometry;
  return mostly(view, l2EntryBytes, (hi, lo) => {
    if (l2Kind(hi, lo, geometry) === l2Kinds.compressed) {
      const target = compressedCluster(hi, lo, clusterBits) * clusterSize;
      return target >= farOut && BigInt(target) >= fileSize;
    }
    return l2HasReserved(hi, lo) && (l2Unaligned(lo, clusterBits) || BigInt(l2HostOffset(hi, lo)) >= fileSize);
  });
}

/** Whether all of a cluster could be a bitmap table that leads somewhere. */
export function isBitmapTable(view: DataView, { clusterBits, fileSize }: Geometry): boolean {
  let leads = false;
  for (let at = 0; at < view.byteLength; at += bitmapTableEntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const target = bitmapPlace(hi, lo);
    if (bitmapHasReserved(hi, lo) || bitmapUnaligned(lo, clusterBits) || BigInt(target) >= fileSize) {
      return false;
    }
    leads ||= target > 0;
  }
  return leads;
}

function mostly(view: DataView, step: number, isWrong: (hi: number, lo: number) => boolean): boolean {
  let entries = 0;
  let wrong = 0;
  for (let at = 0; at < view.byteLength; at += step) {
    const hi = view.getUint32(at);
    const lo = view.getUint32(at + 4);
    if ((hi | lo) !== 0) {
      entries++;
      wrong += isWrong(hi, lo) ? 1 : 0;
    }
  }
  return wrong * 2 > entries;
}
