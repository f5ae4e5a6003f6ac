import { type Finding, type FindingCode, finding } from '../finding.ts';
import { splitWords } from '../format/bits.ts';
import { l1Unaligned } from '../format/l1.ts';
import { type L2Fault, l2Fault, l2Faults, l2HostOffset } from '../format/l2.ts';
import { asGuestOffset, clustersOf, type Geometry, guestPlace } from './geometry.ts';
import type { Image } from './image.ts';
import { l2TableOf } from './l1Table.ts';
import { lookup } from './lookup.ts';

const codes: Readonly<Partial<Record<L2Fault, FindingCode>>> = {
  [l2Faults.zeroInVersion2]: 'l2-zero-in-version-2',
  [l2Faults.invalidSubclusters]: 'l2-subclusters-invalid',
  [l2Faults.compressedInDataFile]: 'l2-compressed-in-data-file',
  [l2Faults.unaligned]: 'l2-entry-unaligned',
  [l2Faults.dataFileOffset]: 'l2-data-file-offset',
};

/** Bytes of L2 tables that QEMU's cache takes at most (DEFAULT_L2_CACHE_MAX_SIZE). */
const l2CacheBytes = 32 * 1024 * 1024;
/** Bytes of the slices in which it holds the tables of a larger disk. */
const smallSliceBytes = 4096;

/**
 * What is wrong with the entry for which QEMU can't read a byte of the active layer, with the values as QEMU prints
 * them (qcow2_get_host_offset). Undefined where nothing is, or only the system failed to read the entry.
 *
 * @param at - guest offset in bytes
 */
export async function entryFault(image: Image, at: number): Promise<Finding | undefined> {
  const { layer, geometry } = image;
  if (!layer || !geometry) {
    return undefined;
  }
  const guest = asGuestOffset(BigInt(at));
  const { l1, l2 } = await lookup(image, layer, guest);
  const table = l1 ? l2TableOf(layer.l1, l1.index) : 0;
  if (!l1 || table === 0) {
    return undefined;
  }
  const l1Index = hex(l1.index);
  if (l1Unaligned(splitWords(l1.entry).lo, geometry.clusterBits)) {
    return finding('l1-entry-unaligned', `L1[${l1.index}]`, { target: hex(table), l1Index });
  }
  if (!l2) {
    return undefined;
  }
  const { hi, lo } = splitWords(l2.entry);
  const { hi: zero, lo: alloc } = splitWords(l2.bitmap ?? 0n);
  const start = guestPlace(geometry, guest).cluster * geometry.clusterSize;
  const code = codes[l2Fault(hi, lo, alloc, zero, start, geometry)];
  const sliceEntries = l2SliceBytes(geometry) / geometry.l2EntryBytes;
  return (
    code &&
    finding(code, `L1[${l1.index}] -> L2[${l2.index}]`, {
      target: hex(l2HostOffset(hi, lo)),
      table: hex(table),
      l1Index,
      l2Index: hex(l2.index % sliceEntries),
      guestOffset: hex(start),
    })
  );
}

/** Bytes of an L2 table that QEMU holds as one: it counts entries from their start (qcow2.c, read_cache_sizes). */
function l2SliceBytes({ guestSize, clusterBits, clusterSize, l2EntryBytes }: Geometry): number {
  const tables = Math.ceil((Number(clustersOf(guestSize, clusterBits)) * l2EntryBytes) / clusterSize) * clusterSize;
  return tables > l2CacheBytes ? Math.min(clusterSize, smallSliceBytes) : clusterSize;
}

/** As C's `%#x`: 0 without a prefix. */
function hex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}
