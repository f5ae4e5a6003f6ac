import type { ByteRange } from '../engine/finding.ts';
import type { ExplainedEntry, ExplainedRefcount } from '../engine/image/explainEntry.ts';
import type { GuestKind } from '../engine/image/kinds.ts';

export type { ExplainedEntry, ExplainedRefcount } from '../engine/image/explainEntry.ts';

/** What single places of an image are. Each call reads a few entries at most, but for a snapshot's L1 table. */
export interface PlaceApi {
  /** The way from a guest offset to the file. */
  explainGuest(request: GuestPlaceRequest): GuestPlace;
  /** A table entry. An error (`not-found`) says which entries there are. */
  explainEntry(request: EntryPlaceRequest): ExplainedEntry;
  /** The refcount of the host cluster in which a host offset lies. */
  explainRefcount(request: { readonly host: bigint }): ExplainedRefcount;
  /** Snapshots and bitmaps by name, in the whole of their tables. */
  findNames(request: NameRequest): FoundNames;
}

/** A guest offset in bytes, of the active layer or of a snapshot. */
export interface GuestPlaceRequest {
  readonly guest: bigint;
  readonly snapshot?: number;
}

/** The way from a guest offset to the file. */
export interface GuestPlace {
  readonly kind: GuestKind;
  /** Of extended L2 entries. */
  readonly subcluster?: number;
  /** Where the byte is; for compressed clusters, where their data starts. In the data file, where there is one. */
  readonly host?: bigint;
  /** Bytes that the compressed data takes at most. */
  readonly compressedBytes?: number;
  readonly l1?: ExplainedEntry;
  readonly l2?: ExplainedEntry;
  /** The cluster, or the subcluster: bytes that are of one kind, and lie together in the file. */
  readonly unit: ByteRange;
  /** Past the end of the disk, where snapshots keep the state of the machine. */
  readonly beyondDisk: boolean;
}

/** Which entry. */
export type EntryPlaceRequest =
  | { readonly table: 'l1'; readonly index: number; readonly snapshot?: number }
  | { readonly table: 'l2'; readonly l1: number; readonly index: number; readonly snapshot?: number }
  | { readonly table: 'refcount-table'; readonly index: number };

/** A name, or a part of one. */
export interface NameRequest {
  readonly text: string;
  /** At most so many of each. */
  readonly count: number;
}

/** What has a name, the likeliest first. */
export interface FoundNames {
  readonly snapshots: readonly { readonly index: number; readonly id: string; readonly name: string }[];
  readonly bitmaps: readonly { readonly index: number; readonly name: string }[];
}
