import { limits } from '../limits.ts';

/** What decides how large a disk can be. */
export interface TableReach {
  /** Bytes. */
  readonly clusterSize: number;
  /** Entries of an L2 table. */
  readonly l2Entries: number;
}

/** Why a disk can't have so many bytes, in a sentence; undefined where its L1 table reaches that far. */
export function diskSizeRefusal({ clusterSize, l2Entries }: TableReach, size: bigint): string | undefined {
  const reach = BigInt(clusterSize) * BigInt(l2Entries);
  const needed = (size + reach - 1n) / reach;
  const most = BigInt(limits.l1TableBytes / 8);
  return needed <= most
    ? undefined
    : `The disk can’t be that large: its L1 table would have ${needed} entries, and may have ${most}. Make an image with larger clusters.`;
}
