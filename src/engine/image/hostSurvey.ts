import { readSmallRefcount } from '../format/refcounts.ts';
import type { Progress, Storage } from '../ports.ts';
import { ClusterMarks, type MarkRule, markRule } from './clusterMarks.ts';
import type { Geometry } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import { type HostKind, hostKinds } from './hostKinds.ts';
import type { Image } from './image.ts';
import { walkL2References } from './l2References.ts';
import { L2Summaries } from './l2Summaries.ts';
import {
  type RefcountTable,
  type RefcountTableEntry,
  readRefcountTable,
  refcountTableEntries,
} from './refcountTable.ts';
import { type Owner, owners, type ReferenceVisitor } from './reference.ts';
import { walkTableReferences } from './references.ts';
import { share } from './scan.ts';

/** What is known of the file's clusters, from a pass over its refcounts and tables. */
export interface HostSurvey {
  /** `HostKind` by cluster. */
  readonly kinds: ClusterMarks;
  /** The cluster after the last one of the file, or that a reference or a refcount names past its end. */
  readonly end: number;
  /** Where the entries of L2 tables lead: only when references were counted. */
  readonly summaries?: L2Summaries;
}

const { free, refcounted, unknown, data, shared, compressed, leaked } = hostKinds;

/** What can become of clusters that no reference is known to. */
const unowned = [free, refcounted, unknown] as const;

function ownedAs(kind: HostKind): MarkRule {
  return markRule(unowned.map((from) => [from, kind] as const));
}

const rules = {
  refcounted: markRule([[free, refcounted]]),
  unknown: markRule([[free, unknown]]),
  data: markRule([...unowned.map((from) => [from, data] as const), [data, shared]]),
  shared: markRule([...unowned.map((from) => [from, shared] as const), [data, shared]]),
  /** After all references: what has a refcount and no owner. */
  counted: markRule([[refcounted, leaked]]),
  nothing: markRule([]),
};

/** By `Owner`, of those that are not data. */
const ownerRules: { readonly [owner in Owner]?: MarkRule } = {
  [owners.header]: ownedAs(hostKinds.header),
  [owners.l1Table]: ownedAs(hostKinds.l1Table),
  [owners.l2Table]: ownedAs(hostKinds.l2Table),
  [owners.refcountTable]: ownedAs(hostKinds.refcountTable),
  [owners.refcountBlock]: ownedAs(hostKinds.refcountBlock),
  [owners.snapshotTable]: ownedAs(hostKinds.snapshotTable),
  [owners.bitmapDirectory]: ownedAs(hostKinds.bitmap),
  [owners.bitmapTable]: ownedAs(hostKinds.bitmap),
  [owners.bitmapData]: ownedAs(hostKinds.bitmap),
  [owners.luksArea]: ownedAs(hostKinds.luks),
  [owners.compressed]: ownedAs(compressed),
};

/**
 * Surveys the clusters of the file from cluster `from` on, as many as the memory allows (`kinds.to`). Reads every
 * refcount block and the tables that lead to L2 tables; with `counted`, every L2 table too. Clusters that two owners
 * refer to count as of the first one, tables before data. Never throws for what is in the file.
 */
export async function surveyHost(
  image: Image,
  geometry: Geometry,
  from: number,
  counted: boolean,
  progress: Progress,
): Promise<HostSurvey> {
  const kinds = new ClusterMarks(from, geometry.fileClusters);
  const reach = new Reach(geometry);
  const refcountShare = counted ? 0.1 : 0.9;
  if (image.header) {
    const table = await readRefcountTable(image.storage, geometry, image.header);
    await addRefcounts(image.storage, geometry, table, kinds, share(progress, 0, refcountShare));
    await reach.addRefcounts(image.storage, table);
  }
  const visitor: ReferenceVisitor = {
    reference: (owner, _source, _index, cluster, count, references) => {
      const rule = owner === owners.data ? (references > 1 ? rules.shared : rules.data) : ownerRules[owner];
      kinds.apply(rule ?? rules.nothing, cluster, count);
      reach.add(cluster + count);
    },
  };
  const tables = await walkTableReferences(image, visitor, share(progress, refcountShare, refcountShare));
  if (!counted || !tables) {
    kinds.finish(rules.nothing);
    return { kinds, end: reach.end };
  }
  const summaries = new L2Summaries(tables);
  const summary = summaries.visitor();
  const both: ReferenceVisitor = {
    table: summary.table,
    reference: (owner, source, index, cluster, count, references) => {
      visitor.reference(owner, source, index, cluster, count, references);
      summary.reference(owner, source, index, cluster, count, references);
    },
  };
  await walkL2References(image.storage, geometry, tables, both, share(progress, refcountShare, 1));
  kinds.finish(rules.counted);
  return { kinds, end: reach.end, summaries };
}

/** Marks the clusters whose refcount is not 0. Reads only blocks for clusters of the file: their number is bounded. */
async function addRefcounts(
  storage: Storage,
  geometry: Geometry,
  table: RefcountTable,
  kinds: ClusterMarks,
  progress: Progress,
): Promise<void> {
  const { clusterSize, refcountBlockEntries: perBlock, fileSize, fileClusters } = geometry;
  for (const { from, to } of table.unreadable) {
    kinds.apply(rules.unknown, Math.floor(from / 8) * perBlock, Math.ceil((to - from) / 8) * perBlock);
  }
  const buffer = new Uint8Array(clusterSize);
  for (const { index, block, unaligned } of refcountTableEntries(geometry, table)) {
    const first = index * perBlock;
    if (unaligned || block === 0 || BigInt(block) >= fileSize || first >= kinds.to || first + perBlock <= kinds.from) {
      continue;
    }
    const bad = await readHostBytes(storage, BigInt(block), buffer);
    eachCounted(geometry, buffer, Math.min(perBlock, kinds.to - first), (entry, count) =>
      kinds.apply(rules.refcounted, first + entry, count),
    );
    for (const { from, to } of bad) {
      const entries = perBlock / clusterSize;
      const start = Math.floor(from * entries);
      kinds.apply(rules.unknown, first + start, Math.ceil(to * entries) - start);
    }
    await progress.step(Math.min(first + perBlock, fileClusters), fileClusters);
  }
}

/** Visits the runs of a block's first entries that are not 0. */
function eachCounted(
  { refcountOrder }: Geometry,
  block: Uint8Array,
  entries: number,
  visit: (entry: number, count: number) => void,
): void {
  let start = -1;
  for (let entry = 0; entry < entries; entry++) {
    const counts = readSmallRefcount(block, entry, refcountOrder) !== 0;
    if (counts && start < 0) {
      start = entry;
    } else if (!counts && start >= 0) {
      visit(start, entry - start);
      start = -1;
    }
  }
  if (start >= 0) {
    visit(start, entries - start);
  }
}

/** Refcount blocks past the end of the file that are looked into for the last refcount. */
const mostBlocks = 64;

/**
 * How far past the end of the file something leads: no further than the refcount table reaches, so that an entry with
 * one wrong bit does not make the file a million times as large.
 */
class Reach {
  end: number;
  readonly #geometry: Geometry;
  #most: number;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
    this.end = geometry.fileClusters;
    this.#most = geometry.fileClusters;
  }

  /** Takes the refcounts past the end of the file into account. */
  async addRefcounts(storage: Storage, table: RefcountTable): Promise<void> {
    const { clusterSize, refcountBlockEntries: perBlock, fileClusters, fileSize } = this.#geometry;
    const past: RefcountTableEntry[] = [];
    let last = -1;
    for (const entry of refcountTableEntries(this.#geometry, table)) {
      last = entry.block === 0 ? last : entry.index;
      if (entry.block !== 0 && (entry.index + 1) * perBlock > fileClusters) {
        past.push(entry);
        past.splice(0, past.length - mostBlocks);
      }
    }
    this.#most = Math.max(fileClusters, (last + 1) * perBlock);
    const buffer = new Uint8Array(clusterSize);
    for (const { index, block, unaligned } of past) {
      if (!unaligned && BigInt(block) < fileSize) {
        await readHostBytes(storage, BigInt(block), buffer);
        eachCounted(this.#geometry, buffer, perBlock, (entry, count) => this.add(index * perBlock + entry + count));
      }
    }
  }

  /** Takes a reference into account that ends before a cluster. */
  add(end: number): void {
    if (end > this.end) {
      this.end = Math.max(this.end, Math.min(end, this.#most));
    }
  }
}
