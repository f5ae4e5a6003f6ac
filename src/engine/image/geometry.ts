import { type L2Format, l2Entries, l2EntryBytes, subclustersPerCluster } from '../format/l2.ts';
import { refcountBlockEntries } from '../format/refcounts.ts';
import { limits } from '../limits.ts';

declare const guest: unique symbol;
declare const host: unique symbol;

/** A byte of the guest's disk. Below 2^64. */
export type GuestOffset = bigint & { readonly [guest]: true };

/** A byte of the image file, or of its external data file. Below 2^64. */
export type HostOffset = bigint & { readonly [host]: true };

/** A byte as the index of its cluster and its place therein: both exact as numbers up to 2^62 bytes. */
export interface Place {
  readonly cluster: number;
  readonly byte: number;
}

/** The sizes that follow from the header. A unit is a subcluster with extended L2 entries, else a cluster. */
export interface Geometry extends L2Format {
  /** Bytes. */
  readonly clusterSize: number;
  /** Units a cluster: 32 or 1. */
  readonly clusterUnits: number;
  /** Bytes. */
  readonly unitSize: number;
  /** Bytes of an L2 entry: 8 or 16. */
  readonly l2EntryBytes: number;
  /** Entries of an L2 table, which is one cluster. */
  readonly l2Entries: number;
  /** Log2 of the bits of a refcount. */
  readonly refcountOrder: number;
  /** Clusters that one refcount block counts. */
  readonly refcountBlockEntries: number;
  /** Bytes of the guest's disk, as the header says. */
  readonly guestSize: bigint;
  /** Bytes of the file. */
  readonly fileSize: bigint;
  /** Clusters of the file; the last one may be cut. */
  readonly fileClusters: number;
}

/** What the geometry is made from: fields of the header, by the spec's names. */
export interface GeometryFields {
  readonly version: number;
  readonly cluster_bits: number;
  readonly size: bigint;
  readonly incompatible_features: bigint;
  readonly refcount_order: number;
}

/** Incompatible bit 2: external data file. */
const dataFileBit = 1n << 2n;
/** Incompatible bit 4: extended L2 entries. */
const extendedL2Bit = 1n << 4n;

/**
 * The geometry that a header gives; undefined where its cluster size is out of bounds, so that no table can be found.
 * A wrong refcount_order counts as the default, 4.
 */
export function geometryOf(header: GeometryFields, fileSize: bigint): Geometry | undefined {
  const clusterBits = header.cluster_bits;
  if (clusterBits < limits.minClusterBits || clusterBits > limits.maxClusterBits) {
    return undefined;
  }
  const { version } = header;
  const extended = version >= 3 && (header.incompatible_features & extendedL2Bit) !== 0n;
  const dataFile = version >= 3 && (header.incompatible_features & dataFileBit) !== 0n;
  const format: L2Format = { clusterBits, version, extended, dataFile };
  // Shifted, so that V8 keeps it as a whole number: the hot loops count with it.
  const clusterSize = 1 << clusterBits;
  const clusterUnits = extended ? subclustersPerCluster : 1;
  const refcountOrder = header.refcount_order <= 6 ? header.refcount_order : 4;
  return {
    ...format,
    clusterSize,
    clusterUnits,
    unitSize: clusterSize / clusterUnits,
    l2EntryBytes: l2EntryBytes(format),
    l2Entries: l2Entries(format),
    refcountOrder,
    refcountBlockEntries: refcountBlockEntries(clusterBits, refcountOrder),
    guestSize: header.size,
    fileSize,
    fileClusters: Number(clustersOf(fileSize, clusterBits)),
  };
}

/** Clusters that so many bytes take, the last one perhaps in part. */
export function clustersOf(bytes: bigint, clusterBits: number): bigint {
  return (bytes + (1n << BigInt(clusterBits)) - 1n) >> BigInt(clusterBits);
}

/** The guest offset of a byte of a guest cluster. */
export function guestOffset(geometry: Geometry, cluster: number, byte = 0): GuestOffset {
  return offsetOf(geometry, cluster, byte) as GuestOffset;
}

/** The guest offset at which a unit starts. */
export function unitOffset(geometry: Geometry, unit: number): GuestOffset {
  return (BigInt(unit) * BigInt(geometry.unitSize)) as GuestOffset;
}

/** The host offset of a byte of a host cluster. */
export function hostOffset(geometry: Geometry, cluster: number, byte = 0): HostOffset {
  return offsetOf(geometry, cluster, byte) as HostOffset;
}

/** The place of a guest offset. The index is exact below 2^62 bytes, which no L1 table reaches beyond. */
export function guestPlace(geometry: Geometry, offset: GuestOffset): Place {
  return placeOf(geometry, offset);
}

/** The place of a host offset. */
export function hostPlace(geometry: Geometry, offset: HostOffset): Place {
  return placeOf(geometry, offset);
}

/** A number of bytes from outside (a request, a command line) as a guest offset. */
export function asGuestOffset(bytes: bigint): GuestOffset {
  return bytes as GuestOffset;
}

/** A number of bytes from outside (a request, a command line, a table entry) as a host offset. */
export function asHostOffset(bytes: bigint): HostOffset {
  return bytes as HostOffset;
}

function offsetOf(geometry: Geometry, cluster: number, byte: number): bigint {
  return (BigInt(cluster) << BigInt(geometry.clusterBits)) + BigInt(byte);
}

function placeOf(geometry: Geometry, offset: bigint): Place {
  return {
    cluster: Number(offset >> BigInt(geometry.clusterBits)),
    byte: Number(offset & BigInt(geometry.clusterSize - 1)),
  };
}
