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

/** The limits of the active layer, or of a snapshot; undefined where there is no such snapshot. */
export function limitsOf({ header, geometry, file, snapshots }: Image, index?: number): Limits | undefined {
  const snapshot = index === undefined ? undefined : snapshots.items[index];
  if (index !== undefined && snapshot === undefined) {
    return undefined;
  }
  const field = (name: string): number => Number(header?.fields.find((row) => row.name === name)?.value ?? 0);
  const clusterSize = geometry?.clusterSize ?? 0;
  return {
    guestSize: snapshot?.diskSize ?? geometry?.virtualSize,
    hostSize: file.size,
    clusterSize: geometry && BigInt(clusterSize),
    l1Entries: snapshot?.l1Entries ?? field('l1_size'),
    l2Entries: geometry?.l2Entries ?? 0,
    refcountTableEntries: (field('refcount_table_clusters') * clusterSize) / 8,
    blockEntries: geometry ? (clusterSize * 8) / geometry.refcountBits : 0,
  };
}
