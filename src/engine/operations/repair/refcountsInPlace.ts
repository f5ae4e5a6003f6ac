import type { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { check } from '../../check/check.ts';
import { Qcow2Error } from '../../error.ts';
import { refcountTableEntryBytes } from '../../format/refcounts.ts';
import type { Geometry } from '../../image/geometry.ts';
import { openImage } from '../../image/open.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { lostIndices, type RefcountBlocks } from './refcountBlocks.ts';
import type { MendedVisitor, RefcountRepair } from './refcountRules.ts';
import { clearPastEnd, dropEntries, entryOf } from './refcountTable.ts';
import { WantedRefcounts } from './wantedRefcounts.ts';

/** Writes refcounts into the blocks that are there; those that are not come to lie behind the file. */
export async function mendInPlace(repair: RefcountRepair, visit: MendedVisitor, progress: Progress): Promise<void> {
  const { draft, geometry, blocks, end, rules } = repair;
  await dropLost(repair);
  const refcounts = new WantedRefcounts(geometry);
  const mismatch: MendedVisitor = (cluster, refcount, references) => {
    const isUsable = !blocks.unusable.has(Math.floor(cluster / geometry.refcountBlockEntries));
    if (isUsable && (end.has(cluster) || rules.mends(cluster, refcount, references))) {
      refcounts.set(cluster, references);
      visit(cluster, refcount, references);
    }
  };
  await check(await openImage(draft), { say: () => undefined, mismatch }, progress);
  if (rules.keepsUnknown) {
    for (const index of lostIndices(blocks, geometry)) {
      refcounts.fill(index, geometry.fileClusters, rules.freed);
    }
  }
  if (!rules.keepsLeaks) {
    await clearPastEnd(draft, geometry, blocks, end, rules.wanted, refcounts);
  }
  await writeBlocks(draft, geometry, blocks, refcounts, end);
}

/** Takes out of the refcount table what leads to no block, so that the check counts there as where no block is. */
async function dropLost({ draft, image, geometry, blocks, end }: RefcountRepair): Promise<void> {
  if (blocks.tableLost) {
    const entries = Math.ceil(geometry.fileClusters / geometry.refcountBlockEntries) + 1;
    const clusters = tableClustersFor(geometry, entries);
    // What counts nothing of the file is left out.
    const kept = new Map([...blocks.places].filter(([index]) => index < entries));
    await moveTable(draft, geometry, kept, takeFresh(draft, geometry, end, clusters), clusters);
  } else {
    await dropEntries(draft, image, blocks);
  }
}

/** Writes the refcounts into their blocks, those that are not there yet behind the file. */
async function writeBlocks(
  draft: Draft,
  geometry: Geometry,
  { places: known, unusable, others }: RefcountBlocks,
  refcounts: WantedRefcounts,
  end: EndClusters,
): Promise<void> {
  const { clusterSize } = geometry;
  const { header } = await openImage(draft);
  const { refcount_table_offset: offset = 0n, refcount_table_clusters: clusters = 0 } = header ?? {};
  const places = new Map(known);
  const { missing, table } = newPlaces(geometry, clusters, refcounts, places, unusable, end);
  const first = takeFresh(draft, geometry, end, missing.length + table);
  for (let cluster = first; cluster < end.end; cluster++) {
    refcounts.set(cluster, 1);
  }
  for (const [order, index] of missing.entries()) {
    places.set(index, (first + order) * clusterSize);
  }
  for (let cluster = Number(offset) / clusterSize, left = table > 0 ? clusters : 0; left > 0; left--, cluster++) {
    if (!others.has(cluster)) {
      refcounts.set(cluster, 0);
    }
  }
  for (const index of refcounts.indices) {
    const at = places.get(index);
    if (at !== undefined) {
      await refcounts.write(draft, index, BigInt(at), known.has(index) ? BigInt(at) : undefined);
    }
  }
  await draft.endStep('Write the refcounts');
  if (table > 0) {
    await moveTable(draft, geometry, places, first + missing.length, table);
  } else {
    for (const index of missing) {
      const at = offset + BigInt(index * refcountTableEntryBytes);
      await draft.write(`refcount table[${index}]`, at, entryOf(places.get(index)));
    }
    await draft.endStep('Lead to the new refcount blocks');
  }
}

/** The blocks that have to be made, themselves counted, and the clusters of a larger table, or 0. */
function newPlaces(
  geometry: Geometry,
  tableClusters: number,
  refcounts: WantedRefcounts,
  places: ReadonlyMap<number, number>,
  unusable: ReadonlySet<number>,
  end: EndClusters,
): { missing: readonly number[]; table: number } {
  const { clusterSize, refcountBlockEntries: perBlock } = geometry;
  const needed = new Set(refcounts.indices.filter((index) => refcounts.counts(index)));
  let missing: number[] = [];
  let table = 0;
  for (let total = -1; total !== missing.length + table; ) {
    total = missing.length + table;
    const first = end.next(total);
    for (let index = Math.floor(first / perBlock); total > 0 && index * perBlock < first + total; index++) {
      needed.add(index);
    }
    missing = [...needed].filter((index) => !places.has(index) && !unusable.has(index)).sort((a, b) => a - b);
    const entries = Math.max(...missing, -1) + 1;
    table = entries * refcountTableEntryBytes > tableClusters * clusterSize ? tableClustersFor(geometry, entries) : 0;
  }
  return { missing, table };
}

/** Clusters of a refcount table with some room to grow. */
function tableClustersFor({ clusterSize }: Geometry, entries: number): number {
  const clusters = Math.ceil(((entries + 1) * 1.5 * refcountTableEntryBytes) / clusterSize);
  if (clusters * clusterSize > limits.refcountTableBytes) {
    throw new Qcow2Error('too-large', 'The image needs a refcount table of more than 8 MiB: it can’t be repaired.');
  }
  return clusters;
}

/** Takes clusters behind the file; returns the first. */
function takeFresh(draft: Draft, { clusterSize }: Geometry, end: EndClusters, count: number): number {
  const first = end.take(count);
  if (count > 0) {
    draft.freshen(BigInt(first) * BigInt(clusterSize), BigInt(count) * BigInt(clusterSize));
  }
  return first;
}

/** Writes the refcount table at a cluster, and has the header lead there. */
async function moveTable(
  draft: Draft,
  { clusterSize }: Geometry,
  places: ReadonlyMap<number, number>,
  first: number,
  clusters: number,
): Promise<void> {
  const bytes = new Uint8Array(clusters * clusterSize);
  for (const [index, block] of places) {
    bytes.set(entryOf(block), index * refcountTableEntryBytes);
  }
  const offset = BigInt(first) * BigInt(clusterSize);
  await draft.write('refcount table', offset, bytes);
  await draft.endStep('Write the refcount table where nothing is');
  const fields = { refcount_table_offset: offset, refcount_table_clusters: clusters };
  await changeHeader(draft, { fields }, 'Lead to the new refcount table');
}
