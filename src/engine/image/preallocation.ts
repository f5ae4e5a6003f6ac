import { readSmallRefcount, refcountTableEntryBytes } from '../format/refcounts.ts';
import { readHostBytes } from './hostBytes.ts';
import type { Image } from './image.ts';
import { readRefcountTable, refcountTableEntries } from './refcountTable.ts';

/** Whether an image looks as if its metadata were preallocated. */
export interface Preallocation {
  readonly likely: boolean;
  /** QEMU's message of the refcount table entry that ended the look. A check has other words for it. */
  readonly complaint?: string;
}

const unlikely: Preallocation = { likely: false };

/**
 * Whether clearly more clusters have a refcount than the file takes on its disk: QEMU then looks for holes behind the
 * clusters that the L2 tables call data (qcow2_detect_metadata_preallocation). Reads refcount blocks, no more than it
 * takes to know.
 */
export async function detectPreallocation(image: Image): Promise<Preallocation> {
  const { storage, geometry, header } = image;
  if (!geometry || !header || storage.allocated === undefined) {
    return unlikely;
  }
  const taken = Math.floor(Number(storage.allocated) / geometry.clusterSize);
  const enough = Math.max(Math.floor((taken * 10) / 9), taken + 2);
  const table = await readRefcountTable(storage, geometry, header);
  const entries = [...refcountTableEntries(geometry, table)];
  // An unaligned entry is told when QEMU comes to it; without one, the look may end early.
  const flawed = entries.some(({ unaligned }) => unaligned);
  const block = new Uint8Array(geometry.clusterSize);
  let counted = 0;
  for (const { index, block: place, unaligned } of entries) {
    const first = index * geometry.refcountBlockEntries;
    const count = Math.min(geometry.refcountBlockEntries, geometry.fileClusters - first);
    if (count <= 0 || (!flawed && counted + geometry.fileClusters - first < enough)) {
      break;
    }
    if (unaligned) {
      const shown = index === 0 ? '0' : `0x${index.toString(16)}`;
      // `place` is rounded above 2^62.
      const offset = (table.view.getBigUint64(index * refcountTableEntryBytes) >> 9n) << 9n;
      const complaint = `Refblock offset 0x${offset.toString(16)} unaligned (reftable index: ${shown})`;
      return { likely: false, complaint };
    }
    // Nothing but reserved bits: no block.
    if (place === 0) {
      continue;
    }
    if ((await readHostBytes(storage, BigInt(place), block)).length > 0) {
      return unlikely;
    }
    for (let cluster = 0; cluster < count && counted < enough; cluster++) {
      counted += readSmallRefcount(block, cluster, geometry.refcountOrder) === 0 ? 0 : 1;
    }
    if (counted >= enough) {
      return { likely: true };
    }
  }
  return unlikely;
}
