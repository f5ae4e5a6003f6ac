import type { Image } from '../description.ts';

/** How far the spaces and tables of a layer of an image reach, as the header and the snapshot table say. */
export interface Limits {
  /** Bytes of the guest's disk; undefined where the header does not say. */
  readonly guestSize: bigint | undefined;
  /** Bytes of the file. */
  readonly hostSize: bigint;
  /** Bytes; undefined where the header has none that is possible. */
  readonly clusterSize: bigint | undefined;
  /** Entries of the layer's L1 table. */
  readonly l1Entries: number;
  /** Entries of an L2 table. */
  readonly l2Entries: number;
  readonly refcountTableEntries: number;
  /** Refcounts of a refcount block. */
  readonly blockEntries: number;
}

/** Entries that QEMU lets an L1 table have. */
const mostL1Entries = 2 ** 22;

/** The limits of the active layer, or of a snapshot; undefined where there is no such snapshot. */
export function limitsOf({ header, geometry, file, snapshots }: Image, index?: number): Limits | undefined {
  if (index !== undefined && index >= (snapshots.count ?? snapshots.items.length)) {
    return undefined;
  }
  const field = (name: string): number => Number(header?.fields.find((row) => row.name === name)?.value ?? 0);
  const clusterSize = geometry?.clusterSize ?? 0;
  const l2Entries = geometry?.l2Entries ?? 0;
  const l1Entries = index === undefined ? field('l1_size') : (snapshots.items[index]?.l1Entries ?? mostL1Entries);
  // Past the end of its disk a snapshot keeps the state of the machine, as far as its L1 table reaches.
  const reach = index === undefined ? 0n : BigInt(l1Entries) * BigInt(l2Entries) * BigInt(clusterSize);
  const disk = (index === undefined ? undefined : snapshots.items[index]?.diskSize) ?? geometry?.virtualSize;
  return {
    guestSize: disk !== undefined && reach > disk ? reach : disk,
    hostSize: file.size,
    clusterSize: geometry && BigInt(clusterSize),
    l1Entries,
    l2Entries,
    refcountTableEntries: (field('refcount_table_clusters') * clusterSize) / 8,
    blockEntries: geometry ? (clusterSize * 8) / geometry.refcountBits : 0,
  };
}
