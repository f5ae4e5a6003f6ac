import { Qcow2Error } from '../error.ts';
import { alignEntry } from '../format/chunk.ts';
import { readSmallRefcount, refcountTableEntry, refcountTableUnaligned } from '../format/refcounts.ts';
import { type Snapshot, snapshotFixedBytes, snapshotIdBytes, snapshotNameBytes } from '../format/snapshots.ts';
import type { Progress } from '../ports.ts';
import { type EntryTable, segmentsOf } from './entryTables.ts';
import { clustersOf, type Geometry } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import type { Image } from './image.ts';
import { walkL2References } from './l2References.ts';
import { l2TableSet } from './l2TableSet.ts';
import { readRefcountTable } from './refcountTable.ts';
import { activeSource, flaws, owners, type ReferenceVisitor } from './reference.ts';
import { l1TablesOf } from './references.ts';
import { share } from './scan.ts';
import { type Mark, ShareMarks, type Sharer, sharers } from './shareMarks.ts';
import { walkSnapshotTable } from './snapshotTable.ts';

/** Host clusters of tables (L1 and L2) and of data. */
export interface UsedClusters {
  readonly tables: number;
  readonly data: number;
}

/** The host clusters that a snapshot refers to, by who else does, and what becomes of them when it is deleted. */
export interface SnapshotUse {
  /** No other layer refers to them. */
  readonly exclusive: UsedClusters;
  /** The active layer does too, and no other snapshot. */
  readonly withActive: UsedClusters;
  /** Other snapshots do too, and the active layer does not. */
  readonly withSnapshots: UsedClusters;
  /** The active layer and other snapshots do too. */
  readonly withBoth: UsedClusters;
  /** Those whose refcount falls to 0 when QEMU deletes the snapshot (qcow2_update_snapshot_refcount). */
  readonly freed: UsedClusters;
  /** Clusters of the snapshot table as it is, and as QEMU writes it anew without the snapshot. */
  readonly snapshotTable: { readonly before: number; readonly after: number };
  /** Clusters whose refcount is lower than the number of the snapshot's references: QEMU fails at the first one. */
  readonly refcountTooLow: number;
  /** Entries that can't be read or lead between clusters: QEMU fails at the first one. */
  readonly flawed: number;
  /** References to clusters past the end of the file; they are counted nowhere else. */
  readonly pastEnd: number;
}

/** Clusters that are counted between two steps of the progress. */
const stepMarks = 2 ** 14;

/** The sums while they grow. */
type Sums = Record<
  'exclusive' | 'withActive' | 'withSnapshots' | 'withBoth' | 'freed',
  Record<'tables' | 'data', number>
>;

/**
 * Counts the clusters of a snapshot. Walks its tables, those of the active layer and those of the other snapshots.
 * Memory is bounded: about a byte a cluster, and where these are too many, one part of the file after the other.
 * Throws `damaged` where the snapshot's L1 table can't be found, `not-found` for one that is not listed, `cancelled`.
 */
export async function snapshotUse(image: Image, index: number, progress: Progress): Promise<SnapshotUse> {
  const { geometry } = image;
  if (!geometry || index >= image.snapshots.count) {
    throw new Qcow2Error('not-found', `There is no snapshot ${index} that could be read.`);
  }
  const tables = await l1TablesOf(image, geometry);
  const own = tables.find(({ source }) => source === index);
  if (!own) {
    throw new Qcow2Error('damaged', 'The L1 table of this snapshot is not at a cluster, or larger than QEMU allows.');
  }
  const layers: Layers = {
    own,
    active: tables.filter(({ source }) => source === activeSource),
    others: tables.filter(({ source }) => source !== activeSource && source !== index),
  };
  const sums: Sums = { exclusive: none(), withActive: none(), withSnapshots: none(), withBoth: none(), freed: none() };
  const total = { refcountTooLow: 0, flawed: 0, pastEnd: 0 };
  for (let from = 0; from < geometry.fileClusters; ) {
    const part = share(progress, from / geometry.fileClusters, 1);
    const { marks, flawed, pastEnd } = await markFrom(image, geometry, layers, from, part);
    total.refcountTooLow += await count(image, geometry, marks, sums, part);
    if (from === 0) {
      Object.assign(total, { flawed, pastEnd });
    }
    from = marks.to;
  }
  return { ...sums, ...total, snapshotTable: await snapshotTableClusters(image, geometry, index) };
}

/** The L1 tables that are looked at. */
interface Layers {
  readonly own: EntryTable;
  readonly active: readonly EntryTable[];
  readonly others: readonly EntryTable[];
}

function none(): { tables: number; data: number } {
  return { tables: 0, data: 0 };
}

/** Marks the clusters from `from` on, as many as the memory allows. */
async function markFrom(
  image: Image,
  geometry: Geometry,
  { own, active, others }: Layers,
  from: number,
  progress: Progress,
): Promise<{ marks: ShareMarks; flawed: number; pastEnd: number }> {
  const marks = new ShareMarks(from, geometry.fileClusters);
  let flawed = 0;
  let pastEnd = 0;
  const mark: ReferenceVisitor = {
    reference: (owner, _source, _index, cluster, count, references) => {
      pastEnd += Math.max(0, cluster + count - Math.max(cluster, geometry.fileClusters)) * references;
      marks.own(cluster, count, references, owner !== owners.data && owner !== owners.compressed);
    },
    flaw: (flaw, { count }) => {
      flawed += flaw === flaws.unaligned || flaw === flaws.unreadable ? count : 0;
    },
  };
  await walkLayers(image, geometry, [own], mark, share(progress, 0, 0.3));
  await walkLayers(image, geometry, active, sharer(marks, sharers.active), share(progress, 0.3, 0.5));
  await walkLayers(image, geometry, others, sharer(marks, sharers.others), share(progress, 0.5, 0.9));
  return { marks, flawed, pastEnd };
}

function sharer(marks: ShareMarks, by: Sharer): ReferenceVisitor {
  return { reference: (_owner, _source, _index, cluster, count) => marks.shared(cluster, count, by) };
}

/** Visits the clusters of L1 tables, and those that they lead to. */
async function walkLayers(
  { storage }: Image,
  geometry: Geometry,
  tables: readonly EntryTable[],
  visitor: ReferenceVisitor,
  progress: Progress,
): Promise<void> {
  for (const { source, offset, entries } of tables) {
    const clusters = Math.ceil((entries * 8) / geometry.clusterSize);
    visitor.reference(owners.l1Table, source, 0, offset / geometry.clusterSize, clusters, 1);
  }
  const pause = (): Promise<void> => progress.step(0, 0);
  const set = await l2TableSet(storage, geometry, segmentsOf(tables), visitor, pause);
  await walkL2References(storage, geometry, set, visitor, progress);
}

/** Adds the marked clusters to the sums, with what the refcounts say; returns how many refcounts are too low. */
async function count(
  image: Image,
  geometry: Geometry,
  marks: ShareMarks,
  sums: Sums,
  progress: Progress,
): Promise<number> {
  if (!image.header) {
    return 0;
  }
  const { clusterSize, clusterBits, refcountBlockEntries: perBlock, refcountOrder } = geometry;
  const { view, entries } = await readRefcountTable(image.storage, geometry, image.header);
  const block = new Uint8Array(clusterSize);
  let current = -1;
  let tooLow = 0;
  let counted = 0;
  for (const mark of marks) {
    if (++counted % stepMarks === 0) {
      await progress.step(95, 100);
    }
    const index = Math.floor(mark.cluster / perBlock);
    if (index !== current) {
      current = index;
      block.fill(0);
      const hi = index < entries ? view.getUint32(index * 8) : 0;
      const lo = index < entries ? view.getUint32(index * 8 + 4) : 0;
      const offset = refcountTableEntry(hi, lo);
      if (offset !== 0 && !refcountTableUnaligned(lo, clusterBits)) {
        await readHostBytes(image.storage, BigInt(offset), block);
      }
    }
    const refcount = readSmallRefcount(block, mark.cluster - index * perBlock, refcountOrder);
    const kind = mark.table ? 'tables' : 'data';
    sums[shareOf(mark)][kind]++;
    sums.freed[kind] += refcount === mark.count ? 1 : 0;
    tooLow += refcount < mark.count ? 1 : 0;
  }
  return tooLow;
}

function shareOf({ active, others }: Mark): Exclude<keyof Sums, 'freed'> {
  if (active) {
    return others ? 'withBoth' : 'withActive';
  }
  return others ? 'withSnapshots' : 'exclusive';
}

/** The snapshot table's clusters, and those of the one that QEMU writes without the snapshot (qcow2_write_snapshots). */
async function snapshotTableClusters(
  { storage, header, snapshots }: Image,
  geometry: Geometry,
  index: number,
): Promise<SnapshotUse['snapshotTable']> {
  if (!header) {
    return { before: 0, after: 0 };
  }
  let after = 0n;
  await walkSnapshotTable(storage, header, ({ entries }) => {
    for (const snapshot of entries) {
      after = snapshot.index === index ? after : alignEntry(after) + BigInt(bytesAnew(snapshot));
    }
  });
  const clusters = (bytes: bigint): number => Number(clustersOf(bytes, geometry.clusterBits));
  return { before: clusters(snapshots.end - header.snapshots_offset), after: clusters(after) };
}

/** QEMU writes 24 bytes of extra data at least, and cuts texts at a NUL. */
function bytesAnew(snapshot: Snapshot): number {
  const length = (bytes: Uint8Array): number => (bytes.includes(0) ? bytes.indexOf(0) : bytes.length);
  const texts = length(snapshotIdBytes(snapshot)) + length(snapshotNameBytes(snapshot));
  return snapshotFixedBytes + Math.max(24, snapshot.fields.extra_data_size) + texts;
}
