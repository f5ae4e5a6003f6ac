import { StoredRefcounts } from '../change/storedRefcounts.ts';
import { maxRefcount, readRefcount } from '../format/refcounts.ts';
import { showOffset } from '../format/show.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import type { Progress } from '../ports.ts';
import type { Blocker } from './blockers.ts';

/**
 * The first cluster whose refcount does not fit a width; undefined where all fit. Reads all refcount blocks if the width
 * is a narrower one.
 *
 * @param order - log2 of the bits of a refcount
 */
export async function widthBlocker(
  image: Image,
  geometry: Geometry,
  order: number,
  progress: Progress,
): Promise<Blocker | undefined> {
  const { clusterSize, refcountBlockEntries: perStored, refcountOrder } = geometry;
  if (order >= refcountOrder) {
    return undefined;
  }
  const stored = await StoredRefcounts.of(image, geometry);
  const most = maxRefcount(order);
  const block = new Uint8Array(clusterSize);
  for (const [index, cluster] of stored.blocks.entries()) {
    if (cluster === 0) {
      continue;
    }
    await stored.read(index, block);
    for (let entry = 0; entry < perStored; entry++) {
      const refcount = readRefcount(block, entry, refcountOrder);
      if (refcount > most) {
        const at = BigInt(index * perStored + entry) * BigInt(clusterSize);
        return {
          says: `Refcounts of ${2 ** order} ${order === 0 ? 'bit' : 'bits'} are too narrow: the cluster at ${showOffset(at)} has a refcount of ${refcount}.`,
          qemu: `Cannot decrease refcount entry width to ${2 ** order} bits: Cluster at offset 0x${at.toString(16)} has a refcount of ${refcount}`,
        };
      }
    }
    await progress.step(index, stored.blocks.length);
  }
  return undefined;
}
