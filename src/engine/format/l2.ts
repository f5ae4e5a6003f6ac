/** What an L2 entry is read with. */
export interface L2Format {
  readonly clusterBits: number;
  /** Of the header: 2 or 3. */
  readonly version: number;
  /** Extended L2 entries (incompatible bit 4): 16 bytes, 32 subclusters a cluster. */
  readonly extended: boolean;
  /** External data file (incompatible bit 2). */
  readonly dataFile: boolean;
}

/** Subclusters of a cluster with extended L2 entries. */
export const subclustersPerCluster = 32;

/** What a cluster is, as QEMU's QCow2ClusterType. */
export const l2Kinds = {
  unallocated: 0,
  normal: 1,
  zeroPlain: 2,
  zeroAllocated: 3,
  compressed: 4,
} as const;

/** One of `l2Kinds`. */
export type L2Kind = (typeof l2Kinds)[keyof typeof l2Kinds];

/** What a subcluster is, as QEMU's QCow2SubclusterType. */
export const subclusterKinds = {
  unallocatedPlain: 0,
  unallocatedAllocated: 1,
  zeroPlain: 2,
  zeroAllocated: 3,
  normal: 4,
  compressed: 5,
  invalid: 6,
} as const;

/** One of `subclusterKinds`. */
export type SubclusterKind = (typeof subclusterKinds)[keyof typeof subclusterKinds];

/** Bytes of an L2 entry. */
export function l2EntryBytes(format: L2Format): 8 | 16 {
  return format.extended ? 16 : 8;
}

/** Entries of an L2 table, which is one cluster. */
export function l2Entries(format: L2Format): number {
  return 2 ** (format.clusterBits - (format.extended ? 4 : 3));
}

/** The compressed flag (bit 62), in the high word of an entry. */
export const l2CompressedFlag = 0x4000_0000;

/** Whether the compressed flag is set. */
export function l2Compressed(hi: number): boolean {
  return (hi & l2CompressedFlag) !== 0;
}

/** Whether COPIED is set (bit 63). */
export function l2Copied(hi: number): boolean {
  return hi < 0 || hi >= 0x8000_0000;
}

/** Whether the ZERO bit is set (bit 0 of a standard entry; with extended L2 entries there is none). */
export function l2Zero(hi: number, lo: number, format: L2Format): boolean {
  return (lo & 1) !== 0 && !format.extended && !l2Compressed(hi);
}

/** Host offset in bytes of a standard entry (bits 9-55, L2E_OFFSET_MASK), exact. */
export function l2HostOffset(hi: number, lo: number): number {
  return (hi & 0x00ff_ffff) * 0x1_0000_0000 + ((lo & 0xffff_fe00) >>> 0);
}

/** Whether the host offset of a standard entry is not that of a cluster. */
export function l2Unaligned(lo: number, clusterBits: number): boolean {
  return (lo & 0xffff_fe00 & ((1 << clusterBits) - 1)) !== 0;
}

/**
 * What the cluster is: QEMU's qcow2_get_cluster_type. The ZERO bit counts in version 2 too, where it is wrong
 * (`l2Fault`). Offset 0 with COPIED is data only in an external data file. With extended L2 entries the bitmap decides
 * further: `subclusterKind`.
 */
export function l2Kind(hi: number, lo: number, format: L2Format): L2Kind {
  if (l2Compressed(hi)) {
    return l2Kinds.compressed;
  }
  const allocated = (hi & 0x00ff_ffff) !== 0 || (lo & 0xffff_fe00) !== 0;
  if ((lo & 1) !== 0 && !format.extended) {
    return allocated ? l2Kinds.zeroAllocated : l2Kinds.zeroPlain;
  }
  return allocated || (format.dataFile && l2Copied(hi)) ? l2Kinds.normal : l2Kinds.unallocated;
}

/**
 * What a subcluster is: QEMU's qcow2_get_subcluster_type. `alloc` and `zero` are the low and the high word of the
 * entry's bitmap; pass 0 for both without extended L2 entries, where the answer is that of the cluster.
 */
export function subclusterKind(
  hi: number,
  lo: number,
  alloc: number,
  zero: number,
  index: number,
  format: L2Format,
): SubclusterKind {
  const kind = l2Kind(hi, lo, format);
  if (kind === l2Kinds.compressed) {
    return subclusterKinds.compressed;
  }
  if (!format.extended) {
    return ofCluster(kind);
  }
  const bit = 1 << index;
  if (kind === l2Kinds.normal) {
    if ((alloc & zero) !== 0) {
      return subclusterKinds.invalid;
    }
    if ((zero & bit) !== 0) {
      return subclusterKinds.zeroAllocated;
    }
    return (alloc & bit) !== 0 ? subclusterKinds.normal : subclusterKinds.unallocatedAllocated;
  }
  if (alloc !== 0) {
    return subclusterKinds.invalid;
  }
  return (zero & bit) !== 0 ? subclusterKinds.zeroPlain : subclusterKinds.unallocatedPlain;
}

/** How many subclusters from `index` on are of the same kind, within the cluster: at least 1. */
export function subclusterRun(
  hi: number,
  lo: number,
  alloc: number,
  zero: number,
  index: number,
  format: L2Format,
): number {
  const kind = subclusterKind(hi, lo, alloc, zero, index, format);
  if (!format.extended || kind === subclusterKinds.compressed || kind === subclusterKinds.invalid) {
    return subclustersPerCluster - index;
  }
  // The first bit from `index` on in which either word changes ends the run.
  const changes = sameFrom(alloc, index) & sameFrom(zero, index);
  const end = changes === -1 ? subclustersPerCluster : 31 - Math.clz32(~changes & -~changes);
  return end - index;
}

/** What is wrong with an entry so that QEMU answers a read with an input/output error (qcow2_get_host_offset). */
export const l2Faults = {
  none: 0,
  /** A zero cluster in a version 2 image. */
  zeroInVersion2: 1,
  /** Subcluster bits that contradict each other or the host offset. */
  invalidSubclusters: 2,
  /** A compressed cluster in an image with an external data file. */
  compressedInDataFile: 3,
  /** A host offset that is not that of a cluster. */
  unaligned: 4,
  /** A host offset in the external data file that is not the guest offset. */
  dataFileOffset: 5,
} as const;

/** One of `l2Faults`. */
export type L2Fault = (typeof l2Faults)[keyof typeof l2Faults];

/**
 * The fault for which QEMU refuses to read the cluster, in the order of its checks. `guestOffset` is the cluster's
 * guest offset in bytes (a multiple of the cluster size, exact as a double); it matters only with an external data file.
 */
export function l2Fault(
  hi: number,
  lo: number,
  alloc: number,
  zero: number,
  guestOffset: number,
  format: L2Format,
): L2Fault {
  const kind = l2Kind(hi, lo, format);
  if (format.version < 3 && (kind === l2Kinds.zeroPlain || kind === l2Kinds.zeroAllocated)) {
    return l2Faults.zeroInVersion2;
  }
  if (kind === l2Kinds.compressed) {
    return format.dataFile ? l2Faults.compressedInDataFile : l2Faults.none;
  }
  if (format.extended && invalidBitmap(kind, alloc, zero)) {
    return l2Faults.invalidSubclusters;
  }
  if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
    if (l2Unaligned(lo, format.clusterBits)) {
      return l2Faults.unaligned;
    }
    if (format.dataFile && l2HostOffset(hi, lo) !== guestOffset) {
      return l2Faults.dataFileOffset;
    }
  }
  return l2Faults.none;
}

/**
 * Whether a reserved bit of a standard entry is set: 1-8, 56-61 (QEMU's L2E_STD_RESERVED_MASK). Bit 0 is ZERO, or with
 * extended L2 entries reserved too, which QEMU does not check.
 */
export function l2HasReserved(hi: number, lo: number): boolean {
  return (hi & 0x3f00_0000) !== 0 || (lo & 0x1fe) !== 0;
}

function ofCluster(kind: L2Kind): SubclusterKind {
  switch (kind) {
    case l2Kinds.unallocated:
      return subclusterKinds.unallocatedPlain;
    case l2Kinds.normal:
      return subclusterKinds.normal;
    case l2Kinds.zeroPlain:
      return subclusterKinds.zeroPlain;
    case l2Kinds.zeroAllocated:
      return subclusterKinds.zeroAllocated;
    case l2Kinds.compressed:
      return subclusterKinds.compressed;
  }
}

function invalidBitmap(kind: L2Kind, alloc: number, zero: number): boolean {
  return kind === l2Kinds.normal ? (alloc & zero) !== 0 : alloc !== 0;
}

/** Ones in every bit of `word` from `index` on that is as bit `index`, and below it; zeros where it differs. */
function sameFrom(word: number, index: number): number {
  const flipped = (word & (1 << index)) !== 0 ? word : ~word;
  return flipped | ((1 << index) - 1);
}
