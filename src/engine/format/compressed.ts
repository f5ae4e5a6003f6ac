/**
 * The compressed clusters descriptor of an L2 entry (spec, "Compressed Clusters Descriptor"): with
 * x = 62 - (cluster_bits - 8), bits 0..x-1 are the host offset of the stream, which is not aligned, and bits x..61 the
 * number of additional 512-byte sectors. Below 16 KiB clusters the offset can be above 2^53, so that its place is
 * given as a cluster and a byte within the cluster.
 */

/** Bytes of a sector, in which the length of compressed data is counted. */
export const compressedSectorBytes = 512;

/** The lowest bit of the number of additional sectors: x, from 49 (2 MiB clusters) to 61 (512 bytes). */
export function compressedShift(clusterBits: number): number {
  return 70 - clusterBits;
}

/** The host cluster in which the compressed data starts (an index). */
export function compressedCluster(hi: number, lo: number, clusterBits: number): number {
  return offsetHigh(hi, clusterBits) * 2 ** (32 - clusterBits) + (lo >>> clusterBits);
}

/** The byte within that cluster at which the compressed data starts. */
export function compressedByte(lo: number, clusterBits: number): number {
  return lo & ((1 << clusterBits) - 1);
}

/** How many 512-byte sectors the compressed data touches: the additional ones and the first. */
export function compressedSectors(hi: number, clusterBits: number): number {
  return ((hi & 0x3fff_ffff) >>> (compressedShift(clusterBits) - 32)) + 1;
}

/** Bytes that the compressed data takes at most: from its first byte to the end of its last sector. */
export function compressedMaxBytes(hi: number, lo: number, clusterBits: number): number {
  return compressedSectors(hi, clusterBits) * compressedSectorBytes - (lo & (compressedSectorBytes - 1));
}

/** Whether the offset has bits above 55 set, which the spec forbids. Only clusters below 16 KiB have the room. */
export function compressedBeyond56(hi: number, clusterBits: number): boolean {
  return offsetHigh(hi, clusterBits) >= 0x0100_0000;
}

/**
 * The two words of a compressed entry. `offset`: host offset in bytes, any byte; `sectors`: how many are touched, from
 * 1 to 2^(clusterBits - 8).
 */
export function encodeCompressedEntry(
  offset: bigint,
  sectors: number,
  clusterBits: number,
): { hi: number; lo: number } {
  const additional = (sectors - 1) * 2 ** (compressedShift(clusterBits) - 32);
  return {
    hi: (0x4000_0000 + additional + Number(offset >> 32n)) >>> 0,
    lo: Number(offset & 0xffff_ffffn),
  };
}

/** Bits 32..x-1 of the offset. */
function offsetHigh(hi: number, clusterBits: number): number {
  return hi & ((1 << (compressedShift(clusterBits) - 32)) - 1);
}
