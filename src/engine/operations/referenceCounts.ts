import type { StoredRefcounts } from '../change/storedRefcounts.ts';
import { Qcow2Error } from '../error.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { showOffset } from '../format/show.ts';
import { ClusterCounts } from '../image/clusterCounts.ts';
import type { Image } from '../image/image.ts';
import { type Owner, ownerNames, owners } from '../image/reference.ts';
import { walkBitmapReferences, walkReferences } from '../image/references.ts';
import type { Progress } from '../ports.ts';

const bitmapOwners: readonly Owner[] = [owners.bitmapDirectory, owners.bitmapTable, owners.bitmapData];

/**
 * How often everything in an image refers to some clusters of the guest's data. Throws `damaged` where anything but L2
 * entries does. Walks all references, unless there are no such clusters.
 */
export async function referenceCounts(image: Image, of: ClusterCounts, progress: Progress): Promise<ClusterCounts> {
  const counts = new ClusterCounts();
  if (of.next(0) === undefined) {
    return counts;
  }
  await eachReference(image, of, progress, (cluster, owner, references) => {
    if (owner !== owners.data) {
      throw inUseTwice(image, cluster, owner);
    }
    counts.add(cluster, references);
  });
  return counts;
}

/**
 * The clusters of the bitmap directory, the bitmaps' tables and their data, with the number of references. Throws
 * `damaged` where anything else refers to one of them.
 */
export async function bitmapClusters(image: Image, progress: Progress): Promise<ClusterCounts> {
  const counts = new ClusterCounts();
  const { geometry, header } = image;
  if (!geometry || !header || !hasBitmaps(header)) {
    return counts;
  }
  const visitor = {
    reference(
      _owner: Owner,
      _source: number,
      _index: number,
      cluster: number,
      count: number,
      references: number,
    ): void {
      for (let next = cluster; next < cluster + count; next++) {
        counts.add(next, references);
      }
    },
  };
  await walkBitmapReferences(image, geometry, visitor, () => progress.step(0, 0));
  await eachReference(image, counts, progress, (cluster, owner) => {
    if (!bitmapOwners.includes(owner)) {
      throw inUseTwice(image, cluster, owner);
    }
  });
  return counts;
}

/** Visits the references to some clusters. Bitmaps that are not up to date are none. */
async function eachReference(
  image: Image,
  of: ClusterCounts,
  progress: Progress,
  visit: (cluster: number, owner: Owner, references: number) => void,
): Promise<void> {
  const stale = !image.header || !hasBitmaps(image.header);
  const visitor = {
    reference(owner: Owner, _source: number, _index: number, cluster: number, count: number, references: number): void {
      if (stale && bitmapOwners.includes(owner)) {
        return;
      }
      for (let next = of.next(cluster); next !== undefined && next < cluster + count; next = of.next(next + 1)) {
        visit(next, owner, references);
      }
    },
  };
  await walkReferences(image, visitor, progress);
}

/** Throws `damaged` where a cluster that is to be given back is counted less often than it is referred to. */
export async function requireCounted(stored: StoredRefcounts, cluster: number, references: number): Promise<void> {
  const refcount = await stored.refcount(cluster);
  if (refcount < references) {
    throw new Qcow2Error(
      'damaged',
      `The refcounts are wrong: cluster ${cluster} is in use ${references} times, and its refcount is ${refcount}. Repair the refcounts first.`,
    );
  }
}

function inUseTwice({ geometry }: Image, cluster: number, owner: Owner): Qcow2Error {
  const at = BigInt(cluster) * BigInt(geometry?.clusterSize ?? 0);
  return new Qcow2Error(
    'damaged',
    `The cluster at ${showOffset(at)} is in use for two things at once (${ownerNames[owner]}, and something that is to go). Check and repair the image first.`,
    { at },
  );
}
