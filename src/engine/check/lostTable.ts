import { compressedCluster } from '../format/compressed.ts';
import { l2HasReserved, l2HostOffset, l2Kind, l2Kinds, l2Unaligned } from '../format/l2.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Progress, Storage } from '../ports.ts';

/**
 * The first of some clusters that looks like an L1 or L2 table: at least half of its entries that are not zero could be
 * entries of one, and one of them leads into the file. Where nothing leads to such a cluster, the way to it was lost, and what looks
 * leaked is data. Clusters that can't be read count too: what they are is not known. `isOther`: whether what looks like a table
 * is known to be none that leads to data.
 */
export async function findLostTable(
  storage: Storage,
  geometry: Geometry,
  clusters: Iterable<number>,
  progress: Progress,
  isOther: (view: DataView) => Promise<boolean> = async () => false,
): Promise<number | undefined> {
  const bytes = new Uint8Array(geometry.clusterSize);
  const view = new DataView(bytes.buffer);
  for (const cluster of clusters) {
    const bad = await readHostBytes(storage, BigInt(cluster) * BigInt(geometry.clusterSize), bytes);
    if (bad.length > 0 || (looksLikeTable(view, geometry) && !(await isOther(view)))) {
      return cluster;
    }
    await progress.step(0, 0);
  }
  return undefined;
}

/**
 * Whether a cluster, or its first bytes, could be an L1 or L2 table that leads somewhere, even if some of its entries are
 * damaged; `visit` gets the clusters that its entries lead to.
 */
export function looksLikeTable(view: DataView, geometry: Geometry, visit?: (cluster: number) => void): boolean {
  let leads = false;
  let right = 0;
  let wrong = 0;
  const entries = view.byteLength / geometry.l2EntryBytes;
  const most = entries / 2;
  for (let at = 0; at < view.byteLength && wrong <= most; at += geometry.l2EntryBytes) {
    const hi = view.getUint32(at);
    const lo = view.getUint32(at + 4);
    if ((hi | lo) === 0) {
      continue;
    }
    const target = targetOf(hi, lo, geometry) ?? geometry.fileClusters;
    // In an external data file everything is where the guest has it.
    const isGuests = geometry.dataFile && target % entries === at / geometry.l2EntryBytes;
    if (isGuests) {
      right++;
      leads = true;
    } else if (target >= geometry.fileClusters) {
      wrong++;
    } else {
      right++;
      leads ||= target > 0;
      if (target > 0) {
        visit?.(target);
      }
    }
  }
  return leads && right >= wrong;
}

/** The cluster that an entry leads to, 0 for none; undefined for what can't be an entry. */
function targetOf(hi: number, lo: number, geometry: Geometry): number | undefined {
  const kind = l2Kind(hi, lo, geometry);
  if (kind === l2Kinds.compressed) {
    return compressedCluster(hi, lo, geometry.clusterBits);
  }
  if (l2HasReserved(hi, lo) || l2Unaligned(lo, geometry.clusterBits)) {
    return undefined;
  }
  return l2HostOffset(hi, lo) / geometry.clusterSize;
}
