import type { Lengthening } from '../../check/refcountBlocks.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Storage } from '../../ports.ts';

/** Clusters by which a check goes on past the end of a file: QEMU has no bound but the file system's and its memory. */
const mostClusters = 2 ** 24;

/**
 * Whether QEMU could make a file so long that a refcount block lies in it (check_refblocks). It is not done here, since what
 * is past the end counts nothing, but QEMU goes by it when it tells whether the refcounts must be built anew.
 */
export function lengtheningOf({ fixedSize }: Storage, { clusterSize, fileClusters }: Geometry): Lengthening {
  return (block) => {
    if (fixedSize || block >= 2 ** 63 - clusterSize) {
      return 'EINVAL';
    }
    return block / clusterSize - fileClusters < mostClusters ? undefined : 'EFBIG';
  };
}
