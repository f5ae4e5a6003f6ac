import { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { StoredRefcounts } from '../../change/storedRefcounts.ts';
import { check } from '../../check/check.ts';
import { Qcow2Error } from '../../error.ts';
import { encodeRefcountTableEntry, readSmallRefcount, refcountTableEntryBytes } from '../../format/refcounts.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { share } from '../../image/scan.ts';
import { limits } from '../../limits.ts';
import type { Progress, Storage } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { requireGeometry } from './entries.ts';
import { provedUse } from './provedUse.ts';
import { rebuildRefcounts, withoutRefcountTable } from './rebuiltRefcounts.ts';
import { type RefcountBlocks, surveyRefcountBlocks } from './refcountBlocks.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { WantedRefcounts } from './wantedRefcounts.ts';

/** What is done about wrong refcounts. */
export interface RefcountRules {
  readonly wanted: Wanted;
  /** Whether the refcount of a cluster is put right. */
  readonly mends: (cluster: number, refcount: number | bigint, references: number) => boolean;
  /** Whether clusters that nothing refers to count as used where their refcounts were lost: they may be of a lost table. */
  readonly keepsUnknown: boolean;
  /** Clusters of structures that are replaced: they are free, whatever else is wrong. */
  readonly freed: ClusterSet;
  /**
   * Whether all that changes is made anew in free clusters, as QEMU does; else why not, as a sentence: what lies in the file
   * may be in use though nothing leads to it. Undefined where there is no need to.
   */
  readonly rebuild: true | string | undefined;
}

/** A refcount that is put right. */
export type MendedVisitor = (cluster: number, refcount: number | bigint, references: number) => void;

/** What is told of the refcounts. */
export interface RefcountVisitor {
  readonly mended: MendedVisitor;
  /** A cluster of the former table, or of a block, in whose place there is another one now. */
  readonly replaced: (cluster: number) => void;
}

/**
 * Drafts refcounts that are the number of references. Blocks that can't be used are made anew, and the table too where it
 * has to: in free clusters where it is proved which are, else behind the file. Returns by code how many entries of the
 * table are put right. `file`: as it is.
 */
export async function mendRefcounts(
  draft: Draft,
  file: Storage,
  end: EndClusters,
  rules: RefcountRules,
  visitor: RefcountVisitor,
  progress: Progress,
): Promise<ReadonlyMap<RepairCode, number>> {
  const image = await openImage(draft);
  const geometry = requireGeometry(image.geometry);
  const blocks = await surveyRefcountBlocks(image, geometry, rules.wanted, share(progress, 0, 0.3));
  let why = rules.rebuild;
  if (why === true) {
    why = await rebuild(draft, image, geometry, blocks, file, end, rules, visitor, share(progress, 0.3, 0.7));
    if (why === undefined) {
      return blocks.faults;
    }
  }
  end.refuse(why);
  await mendInPlace(draft, image, geometry, blocks, end, rules, visitor.mended, share(progress, 0.7, 1));
  return blocks.faults;
}

/** Builds the refcounts anew in free clusters. Where that can't be done returns why, as a sentence, and changes nothing. */
async function rebuild(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  blocks: RefcountBlocks,
  file: Storage,
  end: EndClusters,
  rules: RefcountRules,
  visitor: RefcountVisitor,
  progress: Progress,
): Promise<string | undefined> {
  const view = blocks.tableLost ? await withoutRefcountTable(draft) : new Draft(draft);
  if (!blocks.tableLost) {
    await dropEntries(view, image, blocks);
  }
  const usable = await openImage(view);
  const refcounts = new WantedRefcounts(geometry);
  const unsure = new Set(blocks.lost);
  const mismatch: MendedVisitor = (cluster, refcount, references) => {
    if (rules.mends(cluster, refcount, references)) {
      refcounts.set(cluster, references);
    }
    if (refcount === 0) {
      unsure.add(Math.floor(cluster / geometry.refcountBlockEntries));
    }
  };
  await check(usable, { say: () => undefined, mismatch }, share(progress, 0, 0.5));
  const used = await provedUse(usable, geometry, unsure, file, share(progress, 0.5, 1));
  if (typeof used === 'string') {
    return used;
  }
  const stored = await StoredRefcounts.of(usable, geometry);
  for (const index of refcounts.indices) {
    for (const { cluster, refcount } of refcounts.entries(index)) {
      visitor.mended(cluster, await stored.refcount(cluster), refcount);
    }
  }
  if (!blocks.tableLost) {
    await clearPastEnd(draft, geometry, blocks, end, rules.wanted, refcounts);
  }
  await rebuildRefcounts(draft, { image: usable, stored, refcounts, used }, visitor.replaced);
  return undefined;
}

/** Writes refcounts into the blocks that are there; those that are not come to lie behind the file. */
async function mendInPlace(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  blocks: RefcountBlocks,
  end: EndClusters,
  rules: RefcountRules,
  visit: MendedVisitor,
  progress: Progress,
): Promise<void> {
  await dropLost(draft, image, geometry, blocks, end);
  const refcounts = new WantedRefcounts(geometry);
  const mismatch: MendedVisitor = (cluster, refcount, references) => {
    if (end.has(cluster) || rules.mends(cluster, refcount, references)) {
      refcounts.set(cluster, references);
      visit(cluster, refcount, references);
    }
  };
  await check(await openImage(draft), { say: () => undefined, mismatch }, progress);
  if (rules.keepsUnknown) {
    for (const index of blocks.lost) {
      refcounts.fill(index, geometry.fileClusters, rules.freed);
    }
  } else {
    await clearPastEnd(draft, geometry, blocks, end, rules.wanted, refcounts);
  }
  await writeBlocks(draft, geometry, blocks, refcounts, end);
}

/** Lowers the refcounts of clusters past the end of the file, which a check does not look at. */
async function clearPastEnd(
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

/** Takes out of the refcount table what leads to no block, so that the check counts there as where no block is. */
async function dropLost(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  blocks: RefcountBlocks,
  end: EndClusters,
): Promise<void> {
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

/** As `dropLost`, in the table as it lies. */
async function dropEntries(draft: Draft, { header }: Image, { places, rewritten }: RefcountBlocks): Promise<void> {
  for (const index of rewritten) {
    const at = (header?.refcount_table_offset ?? 0n) + BigInt(index * refcountTableEntryBytes);
    await draft.write(`refcount table[${index}]`, at, entryOf(places.get(index)));
  }
  await draft.endStep('Take out of the refcount table what leads to no refcount block');
}

/** Writes the refcounts into their blocks, those that are not there yet behind the file. */
async function writeBlocks(
  draft: Draft,
  geometry: Geometry,
  { places: known, others }: RefcountBlocks,
  refcounts: WantedRefcounts,
  end: EndClusters,
): Promise<void> {
  const { clusterSize } = geometry;
  const { header } = await openImage(draft);
  const { refcount_table_offset: offset = 0n, refcount_table_clusters: clusters = 0 } = header ?? {};
  const places = new Map(known);
  const { missing, table } = newPlaces(geometry, clusters, refcounts, places, end);
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
  end: EndClusters,
): { missing: readonly number[]; table: number } {
  const { clusterSize, refcountBlockEntries: perBlock } = geometry;
  const needed = new Set(refcounts.indices.filter((index) => refcounts.counts(index)));
  let missing: number[] = [];
  let table = 0;
  for (let total = -1; total !== missing.length + table; ) {
    total = missing.length + table;
    const first = end.next(total);
    for (let index = Math.floor(first / perBlock); index * perBlock < first + total; index++) {
      needed.add(index);
    }
    missing = [...needed].filter((index) => !places.has(index)).sort((a, b) => a - b);
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

/** The bytes of an entry that leads to a block (host offset in bytes), or to none. */
function entryOf(block = 0): Uint8Array {
  const { hi, lo } = encodeRefcountTableEntry(BigInt(block));
  const bytes = new Uint8Array(refcountTableEntryBytes);
  new DataView(bytes.buffer).setUint32(0, hi);
  new DataView(bytes.buffer).setUint32(4, lo);
  return bytes;
}
