import { Qcow2Error } from '../error.ts';
import { readSmallRefcount } from '../format/refcounts.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import { indexOfTable } from '../image/l2TableSet.ts';
import type { Progress } from '../ports.ts';
import type { LayerDeltas } from './layerDeltas.ts';
import type { StoredRefcounts } from './storedRefcounts.ts';

/** What becomes of the refcounts when layers move, as far as the layers' own references go. */
export interface RefcountsAfter {
  /** The clusters whose refcount is 1 then. */
  readonly single: ClusterSet;
  /** The indices of the refcount blocks in which a refcount changes. */
  readonly blocks: ReadonlySet<number>;
  /** Clusters of L2 tables and of data that nothing refers to any more. */
  readonly freed: { readonly tables: number; readonly data: number };
}

/**
 * Looks at the refcount of every cluster of the file as it will be. Throws `too-large` (QEMU: EINVAL) where one does not
 * fit its width.
 */
export async function refcountsAfter(
  stored: StoredRefcounts,
  deltas: LayerDeltas,
  progress: Progress,
): Promise<RefcountsAfter> {
  const { clusterSize, fileClusters, refcountBlockEntries: perBlock, refcountOrder } = stored.geometry;
  const single = new ClusterSet();
  const blocks = new Set<number>();
  const freed = { tables: 0, data: 0 };
  const block = new Uint8Array(clusterSize);
  // Of 64 bits, only so much is exact as a number; nothing is counted that far.
  const most = Math.min(2 ** (2 ** refcountOrder) - 1, Number.MAX_SAFE_INTEGER);
  for (let first = 0; first < fileClusters; first += perBlock) {
    const { counts, from } = await deltas.windowOf(first, progress);
    const index = first / perBlock;
    await stored.read(index, block);
    const end = Math.min(first + perBlock, fileClusters);
    let singleFrom = end;
    let changed = false;
    for (let cluster = first; cluster < end; cluster++) {
      const delta = counts[cluster - from] ?? 0;
      const before = readSmallRefcount(block, cluster - first, refcountOrder);
      if (delta !== 0) {
        changed = true;
        if (before + delta > most) {
          throw overflow(cluster, before + delta, refcountOrder);
        }
        if (before + delta === 0) {
          freed[indexOfTable(deltas.removed, cluster * clusterSize) < 0 ? 'data' : 'tables']++;
        }
      }
      if (before + delta === 1) {
        singleFrom = Math.min(singleFrom, cluster);
      } else if (singleFrom < cluster) {
        single.add(singleFrom, cluster - singleFrom);
        singleFrom = end;
      }
    }
    single.add(singleFrom, end - singleFrom);
    if (changed) {
      blocks.add(index);
    }
    await progress.step(first, fileClusters);
  }
  return { single, blocks, freed };
}

function overflow(cluster: number, refcount: number, order: number): Qcow2Error {
  return new Qcow2Error(
    'too-large',
    `The refcount of cluster ${cluster} would be ${refcount}, more than ${2 ** order} bits hold. Nothing is changed. Widen the refcounts (amend -o refcount_bits) first.`,
    { system: 'EINVAL' },
  );
}
