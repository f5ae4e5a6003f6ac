import {
  readSmallRefcount,
  refcountTableEntry,
  refcountTableEntryBytes,
  refcountTableReserved,
  refcountTableUnaligned,
} from '../../format/refcounts.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { walkReferences } from '../../image/references.ts';
import { noProgress, type Storage } from '../../ports.ts';

/** References that a cluster has at the most in nearly all images. */
const usualReferences = 9;

/**
 * Whether a cluster to which nothing leads looks like a table because it is a refcount table that was lost: each entry leads
 * to a block in which most of the clusters in use have a refcount that is usual. `view`: its bytes; `used`: the clusters that
 * anything refers to.
 */
export async function isFormerRefcountTable(
  storage: Storage,
  geometry: Geometry,
  view: DataView,
  used: ClusterSet,
): Promise<boolean> {
  const { clusterBits, clusterSize, fileClusters, fileSize, refcountBlockEntries: perBlock } = geometry;
  const bytes = new Uint8Array(clusterSize);
  for (let at = 0; at < view.byteLength; at += refcountTableEntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    if ((hi | lo) === 0) {
      continue;
    }
    const block = refcountTableEntry(hi, lo);
    const first = (at / refcountTableEntryBytes) * perBlock;
    const isEntry = !refcountTableReserved(lo) && !refcountTableUnaligned(lo, clusterBits) && BigInt(block) < fileSize;
    if (!isEntry || first >= fileClusters) {
      return false;
    }
    await readHostBytes(storage, BigInt(block), bytes);
    if (!countsMost(bytes, geometry, first, used)) {
      return false;
    }
  }
  return true;
}

function countsMost(block: Uint8Array, geometry: Geometry, first: number, used: ClusterSet): boolean {
  const { fileClusters, refcountBlockEntries: perBlock, refcountOrder } = geometry;
  // Half of all that is read in a few bits looks usual.
  const most = refcountOrder < 3 ? 1 : usualReferences;
  let [all, usual] = [0, 0];
  for (let cluster = first; cluster < Math.min(first + perBlock, fileClusters); cluster++) {
    if (used.has(cluster)) {
      const refcount = readSmallRefcount(block, cluster - first, refcountOrder);
      all++;
      usual += refcount >= 1 && refcount <= most ? 1 : 0;
    }
  }
  return all > 0 && usual * 3 >= all * 2;
}

/** The clusters of the file that anything refers to. */
export async function usedClusters(image: Image, { fileClusters }: Geometry): Promise<ClusterSet> {
  const used = new ClusterSet();
  const reference = (_owner: number, _source: number, _index: number, cluster: number, count: number): void => {
    used.add(cluster, Math.max(0, Math.min(count, fileClusters - cluster)));
  };
  await walkReferences(image, { reference }, noProgress);
  return used;
}
