import type { ImageDescription } from '../engine/image/description.ts';
import type { GuestKind } from '../engine/image/kinds.ts';
import type { Scan } from '../engine/image/scan.ts';

export type { GuestKind } from '../engine/image/kinds.ts';

/**
 * The methods that a webview may call on the worker of its image, by way of the extension host. Every call settles
 * with a result or an error, can be cancelled, and long ones report progress. Offsets and byte counts are bigint.
 */
export interface InspectorApi {
  /** What opening tells: header, extensions, snapshots, bitmaps, findings of opening. Reads no table entries. */
  describe(): ImageDescription;
  /** Walks every L1, L2 and refcount entry once; later calls get the same result. Reports progress. */
  scan(): ScanResult;
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

/** What a whole walk over the tables has found. */
export type ScanResult = Scan;

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

/** The names of the methods. */
export type Method = keyof InspectorApi;

/** The argument of a method. */
export type Argument<M extends Method> = Parameters<InspectorApi[M]>[0];

/** The result of a method. */
export type Result<M extends Method> = ReturnType<InspectorApi[M]>;

/** From the side that asks. */
export type Request =
  | { readonly [M in Method]: { readonly id: number; readonly method: M; readonly argument: Argument<M> } }[Method]
  | { readonly cancel: number };

/** To the side that asked: progress any number of times, then one result or error. */
export type Reply =
  | { readonly id: number; readonly progress: { readonly done: number; readonly total: number } }
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly error: CallError };

/** An error as data. */
export interface CallError {
  readonly code: string;
  readonly message: string;
}
