import type { GuestKind } from '../engine/image/kinds.ts';

export type { GuestKind } from '../engine/image/kinds.ts';

/** The map of the guest's disk, and its extents. */
export interface MapApi {
  /** The guest's address space as at most `cells` cells of equal size. */
  map(request: MapRequest): MapPicture;
  /** Guest extents as rows of a table, in guest order. */
  extents(request: ExtentRequest): ExtentPage;
}

/** The kinds of a guest range, in the order of the counts of a cell. */
export const guestKinds = [
  'data',
  'compressed',
  'zero-allocated',
  'zero-plain',
  'unallocated',
  'wrong',
] as const satisfies readonly GuestKind[];

/** The part of the guest's disk to be shown. */
export interface MapRequest {
  /** Guest offset, a multiple of the cluster size. */
  readonly start: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** At most so many cells. */
  readonly cells: number;
}

/** A picture of a guest range. A cell is a power of two of clusters. */
export interface MapPicture {
  readonly start: bigint;
  /** Bytes a cell. */
  readonly cellSize: bigint;
  readonly cells: number;
  /** `guestKinds.length` numbers a cell: which part of it (0 to 1) is of the kind. */
  readonly parts: Float32Array;
}

/** Which rows of the table of extents. */
export interface ExtentRequest {
  /** Guest offset from which on. */
  readonly from: bigint;
  readonly count: number;
}

/** Rows of the table of extents. */
export interface ExtentPage {
  readonly rows: readonly ExtentRow[];
  /** The guest offset from which the next page starts; absent at the end of the disk. */
  readonly next?: bigint;
}

/** A run of guest bytes of one kind, with one run of host bytes behind it. */
export interface ExtentRow {
  readonly start: bigint;
  readonly length: bigint;
  readonly kind: GuestKind;
  /** Host offset, for data, compressed and allocated zeros. */
  readonly host?: bigint;
  /** `L1[601] -> L2[2304…2559]`. */
  readonly chain: string;
}
