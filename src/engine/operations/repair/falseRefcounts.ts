import { check } from '../../check/check.ts';
import { looksLikeTable } from '../../check/lostTable.ts';
import { readSmallRefcount, refcountTableEntryBytes } from '../../format/refcounts.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { type RefcountTableEntry, readRefcountTable, refcountTableEntries } from '../../image/refcountTable.ts';
import { share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import { farOut } from './tableContent.ts';

/** What clusters are used for. */
export interface ClusterUses {
  /** The refcount table and its blocks. */
  readonly refcounts: ClusterSet;
  /** All else. */
  readonly others: readonly ClusterSet[];
}

/**
 * Takes those clusters out of the refcount structures that something else uses too, or that look like a table to which the
 * way may be lost, unless they do count what is used: what a wrong offset leads to is no refcount block, and it is not lost
 * for one, since refcounts can be built anew.
 */
export async function dropFalseRefcounts(
  image: Image,
  geometry: Geometry,
  { refcounts, others }: ClusterUses,
  progress: Progress,
): Promise<void> {
  const { header, storage } = image;
  if (!header) {
    return;
  }
  const { clusterSize } = geometry;
  const table = await readRefcountTable(storage, geometry, header);
  const entries = [...refcountTableEntries(geometry, table)].filter(({ unaligned }) => !unaligned);
  const suspects = new Set(await tablesAmong(storage, geometry, entries));
  for (const cluster of refcounts.each()) {
    if (others.some((other) => other.has(cluster))) {
      suspects.add(cluster);
    }
  }
  if (suspects.size === 0) {
    return;
  }
  const counting = await countingBlocks(image, geometry, entries, [refcounts, ...others], progress);
  const first = Number(table.offset) / clusterSize;
  // A table that is said to be longer than it is reaches over other structures.
  const leading = new Set(
    entries
      .filter(({ block }) => counting.has(block / clusterSize))
      .map(({ index }) => first + Math.floor((index * refcountTableEntryBytes) / clusterSize)),
  );
  for (const cluster of suspects) {
    const isTable = cluster >= first && cluster < first + header.refcount_table_clusters;
    if (isTable ? !leading.has(cluster) : !counting.has(cluster)) {
      refcounts.remove(cluster, 1);
    }
  }
}

/** Lost tables of which the clusters that they shared with others are still said to be in use. Text is far above that. */
const lostSharers = 8;

/**
 * The indices of blocks that hold something, and in which more than a third of the refcounts of clusters in use are wrong
 * (where a refcount has a bit or two, half of them are right in anything): they may be something else to which the way is
 * lost, and nothing is to be written there. Likewise those that count only what is past the end of the file. `used`: clusters that anything but refcounts refers to; `places`: host offsets of
 * the blocks in bytes, by index.
 */
export async function doubtfulBlocks(
  image: Image,
  geometry: Geometry,
  places: ReadonlyMap<number, number>,
  used: ClusterSet,
  progress: Progress,
): Promise<ReadonlySet<number>> {
  const { clusterSize, refcountBlockEntries: perBlock, refcountOrder, fileClusters } = geometry;
  const wrong = new Map<number, number>();
  const mismatch = (cluster: number, refcount: number | bigint, references: number): void => {
    const index = Math.floor(cluster / perBlock);
    // Where tables were lost, the refcounts of what they shared are a little too high.
    const isOfLost = refcountOrder >= 3 && refcount > references && refcount <= references + lostSharers;
    if (references > 0 && used.has(cluster) && !isOfLost) {
      wrong.set(index, (wrong.get(index) ?? 0) + 1);
    }
  };
  if (places.size > 0) {
    await check(image, { say: () => undefined, mismatch }, progress);
  }
  const isWrong = (index: number): boolean => {
    const faults = wrong.get(index) ?? 0;
    let all = 0;
    for (let cluster = index * perBlock; cluster < (index + 1) * perBlock && 3 * faults > all; cluster++) {
      all += used.has(cluster) ? 1 : 0;
    }
    return 3 * faults > all;
  };
  const doubtful = new Set<number>();
  const bytes = new Uint8Array(clusterSize);
  for (const [index, block] of places) {
    if (index * perBlock >= fileClusters || (wrong.has(index) && isWrong(index))) {
      await readHostBytes(image.storage, BigInt(block), bytes);
      if (bytes.some((byte) => byte !== 0)) {
        doubtful.add(index);
      }
    }
  }
  return doubtful;
}

/**
 * Whether most entries of what the header leads to are none of a refcount table: they lead farther than any file reaches, or
 * into the file to count what is past its end.
 */
export async function isNoTable({ storage, header }: Image, geometry: Geometry): Promise<boolean> {
  const { fileSize, fileClusters, refcountBlockEntries: perBlock } = geometry;
  const entries = header ? [...refcountTableEntries(geometry, await readRefcountTable(storage, geometry, header))] : [];
  const wrong = entries.filter(({ index, block }) =>
    BigInt(block) < fileSize ? index * perBlock >= fileClusters : block >= farOut,
  );
  return wrong.length * 2 > entries.length;
}

/** The clusters of the blocks that look like an L1 or L2 table. */
async function tablesAmong(
  storage: Storage,
  geometry: Geometry,
  entries: readonly RefcountTableEntry[],
): Promise<readonly number[]> {
  const { clusterSize, fileSize } = geometry;
  const bytes = new Uint8Array(clusterSize);
  const view = new DataView(bytes.buffer);
  const tables: number[] = [];
  for (const { block } of entries) {
    const isRead = block !== 0 && BigInt(block) < fileSize;
    if (isRead && (await readHostBytes(storage, BigInt(block), bytes)).length === 0 && looksLikeTable(view, geometry)) {
      tables.push(block / clusterSize);
    }
  }
  return tables;
}

/**
 * The clusters of the blocks in which more refcounts are right than wrong, but for those that could be of leaks. Where a
 * refcount is one bit, anything looks like leaks.
 */
async function countingBlocks(
  image: Image,
  geometry: Geometry,
  entries: readonly RefcountTableEntry[],
  used: readonly ClusterSet[],
  progress: Progress,
): Promise<ReadonlySet<number>> {
  const { clusterSize, refcountBlockEntries: perBlock, refcountOrder, fileClusters, fileSize } = geometry;
  const counting = new Set<number>();
  const ofLeak = refcountOrder === 0 ? 0 : 1;
  const wrong = new Map<number, number>();
  const mismatch = (cluster: number, refcount: number | bigint, references: number): void => {
    const index = Math.floor(cluster / perBlock);
    // One that should not be 0 is one less that is right, too; leaks come in masses, and have refcount 1.
    wrong.set(index, (wrong.get(index) ?? 0) + (references > 0 ? 2 : refcount > ofLeak ? 1 : 0));
  };
  const { failure } = await check(image, { say: () => undefined, mismatch }, share(progress, 0, 0.8));
  const bytes = new Uint8Array(clusterSize);
  for (const { index, block } of failure === undefined ? entries : []) {
    if (BigInt(block) >= fileSize || (await readHostBytes(image.storage, BigInt(block), bytes)).length > 0) {
      continue;
    }
    let right = -(wrong.get(index) ?? 0);
    for (let entry = 0; entry < perBlock; entry++) {
      const cluster = index * perBlock + entry;
      const isPastEnd = cluster >= fileClusters;
      right += !isPastEnd && used.some((clusters) => clusters.has(cluster)) ? 1 : 0;
      right -= isPastEnd && readSmallRefcount(bytes, entry, refcountOrder) > ofLeak ? 1 : 0;
    }
    if (right > 0) {
      counting.add(block / clusterSize);
    }
    await progress.step(0, 0);
  }
  return counting;
}
