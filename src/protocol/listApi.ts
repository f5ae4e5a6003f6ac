import type {
  BitmapDescription,
  BitmapDetails,
  SnapshotDescription,
  SnapshotDetails,
} from '../engine/image/description.ts';
import type { UsedClusters } from '../engine/image/snapshotUse.ts';
import type { GuestKind } from './mapApi.ts';

export type { BitmapDetails, SnapshotDetails } from '../engine/image/description.ts';

/** The snapshot table and the bitmap directory, entry by entry, and what lies behind an entry. */
export interface ListApi {
  /** Snapshots from an index on. */
  snapshots(request: EntryRequest): readonly SnapshotDescription[];
  /** All of one snapshot's entry. */
  snapshot(request: EntryIndex): SnapshotDetails;
  /** Which clusters a snapshot has for itself, and what deleting it frees. Reports progress; later calls get the same. */
  snapshotUse(request: EntryIndex): SnapshotClusters;
  /** How much of the guest's disk differs between a snapshot and the active layer. Reports progress; as above. */
  snapshotDifference(request: EntryIndex): Difference;
  /** The ranges that differ, in guest order. */
  differingRanges(request: RangesRequest): RangePage<DifferingRange>;
  /** Bitmaps from an index on. */
  bitmaps(request: EntryRequest): readonly BitmapDescription[];
  /** All of one bitmap's entry. */
  bitmap(request: EntryIndex): BitmapDetails;
  /** How much of the guest's disk a bitmap has as dirty. Reports progress; later calls get the same. */
  bitmapUse(request: EntryIndex): BitmapUse;
  /** The ranges that are dirty or not known, in guest order. */
  dirtyRanges(request: RangesRequest): RangePage<DirtyRange>;
}

/** An entry of the snapshot table or the bitmap directory. */
export interface EntryIndex {
  readonly index: number;
}

/** Some entries: `count` at most, fewer where they are very long, but at least one where there is one. */
export interface EntryRequest {
  readonly from: number;
  readonly count: number;
}

/** Some ranges of the guest's disk: `count` at most, from guest offset `from` (bytes) on. */
export interface RangesRequest {
  /** Of the snapshot or the bitmap. */
  readonly index: number;
  readonly from: bigint;
  readonly count: number;
}

/** Ranges as rows of a table. */
export interface RangePage<T> {
  readonly rows: readonly T[];
  /** The guest offset from which the next page starts; absent at the end. */
  readonly next?: bigint;
}

/** Host clusters of a snapshot. Each cluster is in one of the first four. */
export interface SnapshotClusters {
  /** Bytes. */
  readonly clusterSize: number;
  readonly exclusive: UsedClusters;
  /** Shared with the active layer alone. */
  readonly withActive: UsedClusters;
  /** Shared with other snapshots alone. */
  readonly withSnapshots: UsedClusters;
  readonly withBoth: UsedClusters;
  /** Those whose refcount falls to 0 when QEMU deletes the snapshot. */
  readonly freed: UsedClusters;
  /** Clusters of the snapshot table now, and as QEMU writes it anew without the snapshot. */
  readonly snapshotTable: { readonly before: number; readonly after: number };
  /** Bytes by which QEMU makes the file's used clusters fewer when it deletes the snapshot. */
  readonly freedBytes: bigint;
  /** Why QEMU would fail on the way: clusters with too low a refcount, entries that it can't follow. */
  readonly refcountTooLow: number;
  readonly flawed: number;
  /** References to clusters past the end of the file. */
  readonly pastEnd: number;
}

/** A guest range that does not read the same. Absent: past the end of that disk. */
export interface DifferingRange {
  readonly start: bigint;
  readonly length: bigint;
  readonly snapshot?: GuestKind;
  readonly active?: GuestKind;
}

/** What became of a range since the snapshot was taken. */
export const changes = ['written', 'overwritten', 'removed', 'resized', 'unknown'] as const;

/** One of `changes`. */
export type Change = (typeof changes)[number];

/** All ranges that differ. */
export interface Difference {
  readonly ranges: number;
  readonly bytes: bigint;
  /** Bytes by what became of them. */
  readonly changes: Readonly<Record<Change, bigint>>;
}

/** A guest range that a bitmap has as dirty, or of which its bits can't be read. */
export interface DirtyRange {
  readonly start: bigint;
  readonly length: bigint;
  readonly state: 'dirty' | 'unknown';
}

/** What a bitmap says as a whole. */
export interface BitmapUse {
  /** Why nothing is known of its content, as a sentence. */
  readonly unreadable?: string;
  readonly ranges: number;
  /** Bytes of the disk; the last granule is cut at its end. */
  readonly dirty: bigint;
  readonly unknown: bigint;
}

/** What became of a range since the snapshot: by what it is in both. */
export function changeOf({ snapshot, active }: Pick<DifferingRange, 'snapshot' | 'active'>): Change {
  if (snapshot === undefined || active === undefined) {
    return 'resized';
  }
  if (snapshot === 'wrong' || active === 'wrong') {
    return 'unknown';
  }
  const [had, has] = [stored(snapshot), stored(active)];
  return has ? (had ? 'overwritten' : 'written') : 'removed';
}

/** Whether the kind has data of the guest's own. */
function stored(kind: GuestKind): boolean {
  return kind === 'data' || kind === 'compressed';
}
