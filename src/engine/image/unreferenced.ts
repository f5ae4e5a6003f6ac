import { readSmallRefcount } from '../format/refcounts.ts';
import type { Storage } from '../ports.ts';
import type { Pause } from './entryTables.ts';
import type { Geometry } from './geometry.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';
import type { HostMarks } from './hostMarks.ts';
import { type RefcountTable, refcountTableEntries } from './refcountTable.ts';

/** Called for a part of a refcount block that the system failed to read. `block`: host offset in bytes. */
export type BlockLostVisitor = (tableIndex: number, block: number, bad: Unreadable) => void;

/**
 * Counts the clusters that have no owner although their refcount is not zero. Reads only the refcount blocks for the
 * clusters that the marks reach, so that their number is bounded by the file's size.
 */
export async function countUnreferenced(
  storage: Storage,
  geometry: Geometry,
  table: RefcountTable,
  marks: HostMarks,
  lost: BlockLostVisitor,
  pause: Pause,
): Promise<number> {
  const { clusterSize, refcountBlockEntries: perBlock, refcountOrder, fileSize } = geometry;
  const buffer = new Uint8Array(clusterSize);
  let count = 0;
  for (const { index, block, unaligned } of refcountTableEntries(geometry, table)) {
    const first = index * perBlock;
    if (unaligned || block === 0 || BigInt(block) >= fileSize || first >= marks.to || first + perBlock <= marks.from) {
      continue;
    }
    for (const bad of await readHostBytes(storage, BigInt(block), buffer)) {
      lost(index, block, bad);
    }
    marks.eachUnowned(first, first + perBlock, (cluster) => {
      count += readSmallRefcount(buffer, cluster - first, refcountOrder) === 0 ? 0 : 1;
    });
    await pause();
  }
  return count;
}
