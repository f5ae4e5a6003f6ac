import { maxRefcount } from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { type RefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import { messages } from './messages.ts';
import { copiedFlags, type ReferenceCounts } from './referenceCounts.ts';
import type { Regions } from './regions.ts';
import type { Tally } from './tally.ts';

/**
 * Makes the file long enough for a refcount block (host offset in bytes) past its end. Returns the system's code where that
 * can't be done.
 */
export type Lengthening = (block: number) => string | undefined;

/**
 * Counts the refcount blocks, as QEMU does (check_refblocks): after everything else, since each must then be referred to
 * once. Returns whether the refcounts must be built anew.
 *
 * @param lengthen - in a repair, which then goes on as if the block were there, all zeros
 */
export function checkRefcountBlocks(
  table: RefcountTable,
  geometry: Geometry,
  regions: Regions,
  counts: ReferenceCounts,
  tally: Tally,
  lengthen?: Lengthening,
): boolean {
  let rebuild = false;
  let end = geometry.fileClusters;
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
    } else if (cluster >= Math.max(end, counts.end)) {
      const system = lengthen?.(block);
      if (!lengthen) {
        wrong(messages.refcountBlockOutside(index));
      } else if (system !== undefined) {
        wrong(`${messages.refcountBlockReached(index)}\n${messages.notResized(system)}`);
      } else {
        tally.corrupt(messages.refcountBlockReached(index));
        counts.add(cluster, 1, 1, copiedFlags.none);
        end = cluster + 1;
      }
    } else if (block !== 0) {
      if (cluster >= geometry.fileClusters && cluster < end) {
        // In what was added to the file.
        counts.add(cluster, 1, 1, copiedFlags.none);
      } else {
        regions.refer(BigInt(block), BigInt(geometry.clusterSize));
      }
      const most = Number(maxRefcount(geometry.refcountOrder));
      const references = cluster >= counts.from && cluster < counts.to ? Math.min(counts.count(cluster), most) : 1;
      if (references !== 1) {
        wrong(messages.refcountBlockShared(index, references));
      }
    }
  }
  return rebuild;
}
