import { Qcow2Error } from '../error.ts';
import { readRefcount, readSmallRefcount, writeRefcount } from '../format/refcounts.ts';
import type { ClusterCounts } from '../image/clusterCounts.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Progress, Storage } from '../ports.ts';

/** A refcount block: its index in the refcount table, and its cluster. */
export interface RefcountBlock {
  readonly index: number;
  readonly cluster: number;
}

/** What all refcount blocks come to once some references are gone. */
export interface RefcountSurvey {
  /** Those that count something then, but perhaps themselves. */
  readonly kept: readonly RefcountBlock[];
  /** Those that count nothing. */
  readonly empty: readonly RefcountBlock[];
  /** Clusters whose refcount gets 0. */
  readonly freed: ClusterSet;
  /** The highest cluster that is still counted, other than the empty blocks; -1 for none. */
  readonly last: number;
}

/**
 * Looks through the refcount blocks: what becomes of them when references are gone. Throws `damaged` where a cluster has
 * lost more references than its refcount.
 *
 * @param used - the clusters that something still refers to: where one of them becomes free, the refcounts are wrong
 */
export async function surveyRefcounts(
  storage: Pick<Storage, 'read'>,
  geometry: Geometry,
  blocks: readonly RefcountBlock[],
  gone: ClusterCounts,
  used: ClusterSet,
  progress: Progress,
): Promise<RefcountSurvey> {
  requireCounted(geometry, blocks, gone);
  const { refcountBlockEntries: perBlock, refcountOrder } = geometry;
  const freed = new ClusterSet();
  const kept: RefcountBlock[] = [];
  const empty: RefcountBlock[] = [];
  for (const block of blocks) {
    const bytes = await readBlock(storage, geometry, block);
    lowerBlock(geometry, block.index, bytes, gone, (cluster) => {
      if (used.has(cluster)) {
        throw wrongRefcount(cluster, 'something else refers to it');
      }
      freed.add(cluster, 1);
    });
    if (Math.floor(block.cluster / perBlock) === block.index) {
      writeRefcount(bytes, block.cluster % perBlock, refcountOrder, 0);
    }
    (bytes.some((byte) => byte !== 0) ? kept : empty).push(block);
    await progress.step(0, 0);
  }
  return { kept, empty, freed, last: await lastCounted(storage, geometry, kept, empty, gone) };
}

/** Reads a refcount block. */
export async function readBlock(
  storage: Pick<Storage, 'read'>,
  { clusterSize }: Geometry,
  { cluster }: RefcountBlock,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(clusterSize);
  await storage.read(BigInt(cluster) * BigInt(clusterSize), bytes);
  return bytes;
}

/** Lowers the refcounts of a block by the references that are gone. `free` is called for each that gets 0. */
export function lowerBlock(
  { refcountBlockEntries: perBlock, refcountOrder }: Geometry,
  index: number,
  bytes: Uint8Array,
  gone: ClusterCounts,
  free: (cluster: number) => void = () => undefined,
): void {
  for (const cluster of membersIn(gone, index * perBlock, perBlock)) {
    const left = BigInt(readRefcount(bytes, cluster % perBlock, refcountOrder)) - BigInt(gone.count(cluster));
    if (left < 0n) {
      throw wrongRefcount(cluster, 'more refers to it than its refcount says');
    }
    writeRefcount(bytes, cluster % perBlock, refcountOrder, left);
    if (left === 0n) {
      free(cluster);
    }
  }
}

/** Throws `damaged` where a cluster loses references that no refcount block counts. */
function requireCounted(
  { refcountBlockEntries: perBlock }: Geometry,
  blocks: readonly RefcountBlock[],
  gone: ClusterCounts,
): void {
  const known = new Set(blocks.map(({ index }) => index));
  for (let at = gone.next(0); at !== undefined; ) {
    const index = Math.floor(at / perBlock);
    if (!known.has(index)) {
      throw wrongRefcount(at, 'no refcount block counts it');
    }
    at = gone.next((index + 1) * perBlock);
  }
}

/** The clusters among `count` from `first` on that were counted, ascending. */
export function* membersIn(counts: ClusterCounts, first: number, count: number): Generator<number> {
  const end = first + count;
  for (let next = counts.next(first); next !== undefined && next < end; next = counts.next(next + 1)) {
    yield next;
  }
}

async function lastCounted(
  storage: Pick<Storage, 'read'>,
  geometry: Geometry,
  kept: readonly RefcountBlock[],
  empty: readonly RefcountBlock[],
  gone: ClusterCounts,
): Promise<number> {
  const { refcountBlockEntries: perBlock, refcountOrder } = geometry;
  const leaving = new Set(empty.map(({ cluster }) => cluster));
  for (const block of kept.toReversed()) {
    const bytes = await readBlock(storage, geometry, block);
    lowerBlock(geometry, block.index, bytes, gone);
    for (let entry = perBlock - 1; entry >= 0; entry--) {
      const cluster = block.index * perBlock + entry;
      if (readSmallRefcount(bytes, entry, refcountOrder) !== 0 && !leaving.has(cluster)) {
        return cluster;
      }
    }
  }
  return -1;
}

function wrongRefcount(cluster: number, why: string): Qcow2Error {
  return new Qcow2Error(
    'damaged',
    `The refcounts are wrong: cluster ${cluster} would become free, but ${why}. Check and repair the image first.`,
  );
}
