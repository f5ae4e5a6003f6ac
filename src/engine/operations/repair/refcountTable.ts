import type { Draft } from '../../change/draft.ts';
import { encodeRefcountTableEntry, readSmallRefcount, refcountTableEntryBytes } from '../../format/refcounts.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import type { EndClusters } from './endClusters.ts';
import type { RefcountBlocks } from './refcountBlocks.ts';
import type { Wanted } from './selection.ts';
import type { WantedRefcounts } from './wantedRefcounts.ts';

/** Takes out of the refcount table, as it lies, what leads to no block. */
export async function dropEntries(
  draft: Draft,
  { header }: Image,
  { places, rewritten }: RefcountBlocks,
): Promise<void> {
  for (const index of rewritten) {
    const at = (header?.refcount_table_offset ?? 0n) + BigInt(index * refcountTableEntryBytes);
    await draft.write(`refcount table[${index}]`, at, entryOf(places.get(index)));
  }
  await draft.endStep('Take out of the refcount table what leads to no refcount block');
}

/** Lowers the refcounts of clusters past the end of the file, which a check does not look at. */
export async function clearPastEnd(
  draft: Draft,
  { clusterSize, refcountBlockEntries: perBlock, refcountOrder, fileClusters }: Geometry,
  { places }: RefcountBlocks,
  end: EndClusters,
  wanted: Wanted,
  refcounts: WantedRefcounts,
): Promise<void> {
  const past = Math.max(fileClusters, end.end);
  const bytes = new Uint8Array(clusterSize);
  for (const [index, block] of places) {
    const from = Math.max(past, index * perBlock);
    if (from >= (index + 1) * perBlock) {
      continue;
    }
    await draft.read(BigInt(block), bytes);
    for (let cluster = from; cluster < (index + 1) * perBlock; cluster++) {
      const isCounted =
        readSmallRefcount(bytes, cluster - index * perBlock, refcountOrder) !== 0 && !end.isReferred(cluster);
      if (isCounted && wanted('refcount-past-end', BigInt(cluster) * BigInt(clusterSize))) {
        refcounts.set(cluster, 0);
      }
    }
  }
}

/** The bytes of an entry that leads to a block (host offset in bytes), or to none. */
export function entryOf(block = 0): Uint8Array {
  const { hi, lo } = encodeRefcountTableEntry(BigInt(block));
  const bytes = new Uint8Array(refcountTableEntryBytes);
  new DataView(bytes.buffer).setUint32(0, hi);
  new DataView(bytes.buffer).setUint32(4, lo);
  return bytes;
}
