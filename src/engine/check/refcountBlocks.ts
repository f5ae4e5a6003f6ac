import { maxRefcount } from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { type RefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import { messages } from './messages.ts';
import type { ReferenceCounts } from './referenceCounts.ts';
import type { Regions } from './regions.ts';
import type { Tally } from './tally.ts';

/**
 * Counts the refcount blocks, as QEMU does (check_refblocks): after everything else, since each must then be referred to
 * once. Returns whether the refcounts must be built anew.
 */
export function checkRefcountBlocks(
  table: RefcountTable,
  geometry: Geometry,
  regions: Regions,
  counts: ReferenceCounts,
  tally: Tally,
): boolean {
  let rebuild = false;
  const wrong = (message: string): void => {
    rebuild = true;
    tally.corrupt(message);
  };
  for (const { index, block, reserved, unaligned } of refcountTableEntries(geometry, table)) {
    const cluster = Math.floor(block / geometry.clusterSize);
    if (reserved) {
      wrong(messages.refcountTableReserved(index));
    } else if (unaligned) {
      wrong(messages.refcountBlockUnaligned(index));
    } else if (cluster >= Math.max(geometry.fileClusters, counts.end)) {
      wrong(messages.refcountBlockOutside(index));
    } else if (block !== 0) {
      regions.refer(BigInt(block), BigInt(geometry.clusterSize));
      const most = Number(maxRefcount(geometry.refcountOrder));
      const references = cluster >= counts.from && cluster < counts.to ? Math.min(counts.count(cluster), most) : 1;
      if (references !== 1) {
        wrong(messages.refcountBlockShared(index, references));
      }
    }
  }
  return rebuild;
}
