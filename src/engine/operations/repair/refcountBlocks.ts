import { refcountTableEntryBytes } from '../../format/refcounts.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { type RefcountTableEntry, readRefcountTable, refcountTableEntries } from '../../image/refcountTable.ts';
import { owners } from '../../image/reference.ts';
import { walkReferences } from '../../image/references.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import type { RepairCode, Wanted } from './selection.ts';

/** Which parts of the refcount structures can be used. */
export interface RefcountBlocks {
  /** By index in the refcount table: host offset of a block that stays, in bytes. */
  readonly places: ReadonlyMap<number, number>;
  /** Indices of the entries that are to be written anew: their block is given up, or they have reserved bits. */
  readonly rewritten: ReadonlySet<number>;
  /** Indices whose block is given up, since it can't be one, or is missing. */
  readonly lost: ReadonlySet<number>;
  /** Indices whose block can't be one, and nobody asked to have that mended: nothing is written there. */
  readonly unusable: ReadonlySet<number>;
  /** The table itself lies where it can't be used. */
  readonly tableLost: boolean;
  /** By code: how many entries are written anew. */
  readonly faults: ReadonlyMap<RepairCode, number>;
  /** Clusters that something else than the refcount structures refers to. */
  readonly others: ClusterSet;
}

/** Looks which refcount blocks can be used, and which are to be made anew (`wanted`). */
export async function surveyRefcountBlocks(
  image: Image,
  geometry: Geometry,
  wanted: Wanted,
  progress: Progress,
): Promise<RefcountBlocks> {
  const { storage, header } = image;
  const others = await otherClusters(image, geometry, progress);
  const places = new Map<number, number>();
  const rewritten = new Set<number>();
  const lost = new Set<number>();
  const unusable = new Set<number>();
  const faults = new Map<RepairCode, number>();
  const count = (code: RepairCode): unknown => faults.set(code, (faults.get(code) ?? 0) + 1);
  const tableLost = isTableLost(image, geometry, others) && wanted('refcount-table-past-end', 0n);
  if (tableLost) {
    count('refcount-table-past-end');
  }
  if (!header) {
    return { places, rewritten, lost, unusable, tableLost, faults, others };
  }
  const { refcountBlockEntries: perBlock } = geometry;
  const table = await readRefcountTable(storage, geometry, header);
  const seen = new ClusterSet();
  for (const entry of refcountTableEntries(geometry, table)) {
    const { index, block } = entry;
    const at = table.offset + BigInt(index * refcountTableEntryBytes);
    const fault = await faultOf(image, geometry, entry, others, seen);
    const place = fault === 'clusters-overlap' ? BigInt(block) : at;
    if (fault !== undefined && (wanted('refcount-too-low', BigInt(block)) || wanted(fault, place))) {
      lost.add(index);
      count(fault);
      rewritten.add(index);
      continue;
    }
    if (fault !== undefined) {
      unusable.add(index);
      continue;
    }
    if (entry.reserved && wanted('refcount-table-entry-reserved', at)) {
      rewritten.add(index);
      count('refcount-table-entry-reserved');
    }
    if (block !== 0) {
      places.set(index, block);
      seen.add(block / geometry.clusterSize, 1);
    }
    await progress.step(0, 0);
  }
  for (const index of missingBlocks(geometry, places, others)) {
    if (!unusable.has(index) && wanted('refcount-too-low', BigInt(index * perBlock) * BigInt(geometry.clusterSize))) {
      lost.add(index);
    }
  }
  return { places, rewritten, lost, unusable, tableLost, faults, others };
}

/** The indices without a block of which clusters are in use: there was one. */
function* missingBlocks(
  { fileClusters, refcountBlockEntries: perBlock }: Geometry,
  places: ReadonlyMap<number, number>,
  others: ClusterSet,
): Generator<number> {
  for (let used = others.next(0); used !== undefined && used < fileClusters; ) {
    const index = Math.floor(used / perBlock);
    if (!places.has(index)) {
      yield index;
    }
    used = others.next((index + 1) * perBlock);
  }
}

/** The indices of the blocks that are given up: with the table, those of all clusters of the file. */
export function lostIndices(
  { lost, tableLost }: RefcountBlocks,
  { fileClusters, refcountBlockEntries: perBlock }: Geometry,
): readonly number[] {
  const all = Array.from({ length: Math.ceil(fileClusters / perBlock) }, (_, index) => index);
  return tableLost ? all : [...lost];
}

/** Why a block can't be used; the code that a finding has for it. */
async function faultOf(
  { storage }: Image,
  { clusterSize, fileSize }: Geometry,
  { block, unaligned }: RefcountTableEntry,
  others: ClusterSet,
  seen: ClusterSet,
): Promise<RepairCode | undefined> {
  if (unaligned) {
    return 'refcount-table-entry-unaligned';
  }
  if (BigInt(block) >= fileSize) {
    return 'refcount-block-past-end';
  }
  const cluster = block / clusterSize;
  if (block !== 0 && (others.has(cluster) || seen.has(cluster))) {
    return 'clusters-overlap';
  }
  const bad = block === 0 ? [] : await readHostBytes(storage, BigInt(block), new Uint8Array(clusterSize));
  return bad.length > 0 ? 'refcount-block-unreadable' : undefined;
}

/** Whether the refcount table lies nowhere, past the end of the file, or on something else. */
function isTableLost({ header }: Image, { clusterSize, fileSize }: Geometry, others: ClusterSet): boolean {
  const { refcount_table_offset: offset = 0n, refcount_table_clusters: clusters = 0 } = header ?? {};
  const length = clusters * clusterSize;
  const fits = length > 0 && length <= limits.refcountTableBytes && offset % BigInt(clusterSize) === 0n;
  const end = offset + BigInt(length);
  return (
    !fits ||
    offset === 0n ||
    end > fileSize + BigInt(clusterSize) ||
    others.meets(Number(offset) / clusterSize, clusters)
  );
}

/** The clusters of the file that anything but the refcount structures refers to. */
async function otherClusters(image: Image, geometry: Geometry, progress: Progress): Promise<ClusterSet> {
  const clusters = new ClusterSet();
  const reference = (owner: number, _source: number, _index: number, cluster: number, count: number): void => {
    const end = Math.min(cluster + count, geometry.fileClusters);
    if (owner !== owners.refcountTable && owner !== owners.refcountBlock && cluster < end) {
      clusters.add(cluster, end - cluster);
    }
  };
  await walkReferences(image, { reference }, progress);
  return clusters;
}
