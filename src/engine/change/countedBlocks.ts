import { refcountBlockEntries } from '../format/refcounts.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Progress } from '../ports.ts';
import type { StoredRefcounts } from './storedRefcounts.ts';

/**
 * The indices of the refcount blocks of another width that have anything to count.
 *
 * @param order - log2 of the bits of a refcount
 */
export async function countedBlocks(stored: StoredRefcounts, order: number, progress: Progress): Promise<ClusterSet> {
  const { clusterBits, clusterSize, refcountBlockEntries: perStored } = stored.geometry;
  const perBlock = refcountBlockEntries(clusterBits, order);
  const indices = new ClusterSet();
  // A part of a stored block that one new block counts.
  const part = Math.min(perStored, perBlock);
  const partBytes = (clusterSize * part) / perStored;
  const block = new Uint8Array(clusterSize);
  for (const [index, cluster] of stored.blocks.entries()) {
    if (cluster === 0) {
      continue;
    }
    await stored.read(index, block);
    for (let at = 0; at < clusterSize; at += partBytes) {
      if (block.subarray(at, at + partBytes).some((byte) => byte !== 0)) {
        indices.add(Math.floor((index * perStored + (at / partBytes) * part) / perBlock), 1);
      }
    }
    await progress.step(index, stored.blocks.length);
  }
  return indices;
}
