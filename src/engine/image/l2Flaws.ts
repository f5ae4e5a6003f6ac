import { compressedBeyond56, compressedByte, compressedCluster } from '../format/compressed.ts';
import {
  type L2Fault,
  type L2Format,
  l2Copied,
  l2Fault,
  l2Faults,
  l2HasReserved,
  l2HostOffset,
  l2Kind,
  l2Kinds,
} from '../format/l2.ts';
import { type Flaw, flaws } from './reference.ts';

/** By `L2Fault`. */
const faultFlaws: Readonly<Record<Exclude<L2Fault, typeof l2Faults.none>, Flaw>> = {
  [l2Faults.zeroInVersion2]: flaws.zeroInVersion2,
  [l2Faults.invalidSubclusters]: flaws.invalidSubclusters,
  [l2Faults.compressedInDataFile]: flaws.compressedInDataFile,
  [l2Faults.unaligned]: flaws.unaligned,
  [l2Faults.dataFileOffset]: flaws.dataFileOffset,
};

/**
 * Whether nothing is wrong with an L2 entry; `l2Flaws` says what is. `alloc` and `zero`: the words of the subclusters'
 * bitmap, or 0; `guestOffset`: of the cluster, in bytes.
 */
export function l2Sound(
  hi: number,
  lo: number,
  alloc: number,
  zero: number,
  guestOffset: number,
  format: L2Format,
): boolean {
  if (l2Fault(hi, lo, alloc, zero, guestOffset, format) !== l2Faults.none) {
    return false;
  }
  if (l2Kind(hi, lo, format) === l2Kinds.compressed) {
    return (alloc | zero) === 0 && !l2Copied(hi) && !compressedBeyond56(hi, format.clusterBits);
  }
  return !l2HasReserved(hi, lo) && !zeroOfExtended(lo, format) && !copiedAlone(hi, lo, format);
}

/** Everything that is wrong with an L2 entry: that for which QEMU can't read it first. Arguments as in `l2Sound`. */
export function l2Flaws(
  hi: number,
  lo: number,
  alloc: number,
  zero: number,
  guestOffset: number,
  format: L2Format,
): Flaw[] {
  const fault = l2Fault(hi, lo, alloc, zero, guestOffset, format);
  const found: Flaw[] = fault === l2Faults.none ? [] : [faultFlaws[fault]];
  const add = (flaw: Flaw, has: boolean): void => {
    if (has) {
      found.push(flaw);
    }
  };
  if (l2Kind(hi, lo, format) === l2Kinds.compressed) {
    add(flaws.compressedBeyond56, compressedBeyond56(hi, format.clusterBits));
    add(flaws.compressedWithSubclusters, (alloc | zero) !== 0);
    add(flaws.compressedCopied, l2Copied(hi));
  } else {
    add(flaws.reserved, l2HasReserved(hi, lo));
    add(flaws.zeroOfExtended, zeroOfExtended(lo, format));
    add(flaws.flagsAlone, copiedAlone(hi, lo, format));
  }
  return found;
}

/** Host offset in bytes of what the entry leads to, exact: of a cluster, or of compressed data. */
export function l2Target(hi: number, lo: number, format: L2Format): bigint {
  const bits = format.clusterBits;
  return l2Kind(hi, lo, format) === l2Kinds.compressed
    ? (BigInt(compressedCluster(hi, lo, bits)) << BigInt(bits)) + BigInt(compressedByte(lo, bits))
    : BigInt(l2HostOffset(hi, lo));
}

/** Bit 0, which is reserved with extended L2 entries; QEMU neither reads nor checks it. */
function zeroOfExtended(lo: number, { extended }: L2Format): boolean {
  return extended && (lo & 1) !== 0;
}

/** COPIED says something of a cluster; without one it says nothing. Offset 0 is a cluster of an external data file. */
function copiedAlone(hi: number, lo: number, format: L2Format): boolean {
  return l2Copied(hi) && !format.dataFile && l2HostOffset(hi, lo) === 0;
}
