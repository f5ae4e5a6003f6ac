import type { ByteRange } from '../engine/finding.ts';
import type { GuestKind } from '../engine/image/kinds.ts';

export type { GuestKind } from '../engine/image/kinds.ts';

/**
 * The two maps of an image: of the guest's disk and of the file. Offsets and lengths are in bytes, of the space that is
 * asked about; ranges are taken in whole clusters. A start past the end of the space is an error (`bad-argument`); a
 * length that reaches past it is cut.
 */
export interface MapApi {
  /** Guest extents as rows of a table, in guest order. */
  extents(request: ExtentRequest): ExtentPage;
  /** Runs of the file of one kind as rows of a table, in host order. Until references are counted, of what is known. */
  hostExtents(request: ExtentRequest): HostExtentPage;
  /**
   * A part of a space as cells of equal size. The first one of a space (and of each snapshot) reads all its L2 tables,
   * or refcount blocks, once, with progress; later ones read what is in view at most.
   */
  picture(request: PictureRequest): SpacePicture;
  /** Exact numbers by kind of a range of a space, whatever the zoom. As cheap as a picture. */
  counts(request: RangeRequest): SpaceCounts;
  /** The next or previous run of a kind, finding, jump…; undefined where there is none up to the end of the space. */
  step(request: StepRequest): ByteRange | undefined;
  /** A number a cell, to be drawn over a picture with the same start, cell size and number of cells. */
  overlay(request: OverlayRequest): OverlayPicture;
  /** What a range is in the other space. */
  counterpart(request: CounterpartRequest): Counterpart;
  /**
   * What the clusters of a range of the file belong to, in the active layer and every snapshot. Reads only the L2 tables
   * whose entries reach there, once references are counted, which it waits for.
   */
  ownersAt(request: OwnersRequest): Owners;
  /**
   * Walks all references once, so that the file's map knows data, compressed, shared and leaked clusters; later calls
   * get the same result. Reports progress. Pictures, counts and steps of the file asked for after it has ended use it.
   */
  countReferences(): SpaceCounts;
}

/** The kinds of a guest range that a layer alone has. */
export const guestKinds = [
  'data',
  'compressed',
  'zero-allocated',
  'zero-plain',
  'unallocated',
  'wrong',
] as const satisfies readonly GuestKind[];

/** The kinds of each space, in the order of the parts of a cell and of `SpaceCounts.kinds`. */
export const spaceKinds = {
  guest: [
    ...guestKinds,
    /** Not allocated here: comes from the backing file, which is not opened. */
    'backing',
    /** Not allocated here: the backing chain, opened with consent, has data there, … */
    'backing-data',
    /** … says that it reads as zeros, … */
    'backing-zero',
    /** … or ends before: reads as zeros. */
    'backing-beyond-end',
  ],
  host: [
    'header',
    'l1-table',
    'l2-table',
    'refcount-table',
    'refcount-block',
    'snapshot-table',
    /** Bitmap directory, bitmap tables, bitmap data. */
    'bitmap',
    'luks',
    'data',
    'compressed',
    /** Data clusters with more than one reference; only known once references are counted. */
    'shared',
    /** Refcount not zero, and nothing refers to it; only known once references are counted. */
    'leaked',
    /** Refcount not zero, owner not known: until references are counted. */
    'refcounted',
    /** No reference is known, and its refcount can't be read. */
    'unknown',
    /** Refcount zero, and no reference is known. */
    'free',
    /** Past the end of the file, up to the last cluster that a refcount or a reference names. */
    'beyond',
  ],
} as const;

/** A kind of the guest's map. */
export type GuestMapKind = (typeof spaceKinds.guest)[number];

/** A kind of the file's map. */
export type HostMapKind = (typeof spaceKinds.host)[number];

/** What is mapped: the guest's disk, as it is or as a snapshot (by index) has it, or the file. */
export type MapSpace =
  | { readonly space: 'guest'; readonly snapshot?: number }
  | { readonly space: 'host'; readonly snapshot?: undefined };

/** A range of a space. */
export type RangeRequest = MapSpace & { readonly start: bigint; readonly length: bigint };

/** A range as cells. */
export type PictureRequest = RangeRequest & {
  /** At most so many cells, up to 65536. */
  readonly cells: number;
};

/** A picture of a part of a space. */
export interface SpacePicture {
  /** Where the first cell starts: a multiple of `cellSize`, at or before the start that was asked for. */
  readonly start: bigint;
  /** Bytes a cell: a power of two of clusters. */
  readonly cellSize: bigint;
  readonly cells: number;
  /** `spaceKinds[space].length` numbers a cell: which part of it (0 to 1) is of the kind. */
  readonly parts: Float32Array;
  /** Bytes of the whole space: the disk's size; the file's, and what is `beyond`. May grow when references are counted. */
  readonly size: bigint;
  /** Of the host: whether references are counted. */
  readonly counted: boolean;
}

/** Exact numbers of a range. */
export interface SpaceCounts {
  /** In the order of `spaceKinds[space]`, all of them. */
  readonly kinds: readonly KindCount[];
  /** Of the guest: what `qemu-img check` counts. */
  readonly clusters?: ClusterCounts;
  /** As in `SpacePicture`. */
  readonly size: bigint;
  readonly counted: boolean;
}

/** How much of a range is of a kind. */
export interface KindCount {
  /** Exact: the last cluster is cut at the end of the space. */
  readonly bytes: bigint;
  /** Clusters; 32nds of them where there are subclusters. */
  readonly clusters: number;
}

/** Guest clusters, as `qemu-img check` counts them for the whole active layer. */
export interface ClusterCounts {
  /** With a place in the file. */
  readonly allocated: number;
  readonly compressed: number;
  /** Not at the host cluster after that of the one before them in their L2 table; compressed ones always. */
  readonly fragmented: number;
}

/** What can be stepped through: a kind, or what an overlay shows. */
export type StepKind = GuestMapKind | HostMapKind | 'finding' | 'jump' | 'shared-cluster' | 'dirty';

/** Where to look for the next or previous one. */
export type StepRequest = MapSpace & {
  readonly kind: StepKind;
  /** Of `dirty`: index of the bitmap. */
  readonly bitmap?: number;
  /**
   * Looks for the first one that starts after (`next`) or the last one that ends before or at (`previous`) this offset.
   * With `next` and -1, the very first; with `previous` and the size, the very last.
   */
  readonly from: bigint;
  readonly direction: 'next' | 'previous';
};

/** What an overlay tells of each cell. */
export type Overlay =
  /** Findings of opening and of the scan (the first 10,000 of each) whose range touches the cell: how many. */
  | 'findings'
  /** Guest only: fragmented clusters (`ClusterCounts.fragmented`): how many. */
  | 'fragmentation'
  /** The part of the cell (0 to 1) that several layers refer to. Of the host, known once references are counted. */
  | 'sharing'
  /** Guest only: the part of the cell (0 to 1) that is dirty. */
  | 'bitmap';

/** Which overlay, of which cells: as in `PictureRequest`. */
export type OverlayRequest = PictureRequest & {
  readonly overlay: Overlay;
  /** Of `bitmap`: its index in the directory. */
  readonly bitmap?: number;
};

/** A number a cell. */
export interface OverlayPicture {
  readonly start: bigint;
  readonly cellSize: bigint;
  readonly cells: number;
  readonly values: Float32Array;
}

/** A range whose counterpart is wanted. */
export interface CounterpartRequest {
  /** The space of the range; the answer is in the other one. */
  readonly space: 'guest' | 'host';
  /** The layer of the guest's space, whichever of the two spaces that is. */
  readonly snapshot?: number;
  readonly start: bigint;
  readonly length: bigint;
}

/** Ranges of the other space, ascending and apart from each other: at most 4096. */
export interface Counterpart {
  readonly ranges: readonly ByteRange[];
  /**
   * False where the ranges hold more than the counterpart: it has too many runs, so that near ones are joined, or too
   * many L2 tables would have to be read, so that their summaries tell where their entries lead at most.
   */
  readonly complete: boolean;
}

/** A range of the file whose owners are wanted. */
export interface OwnersRequest {
  readonly start: bigint;
  /** At most 1024 clusters. */
  readonly length: bigint;
}

/** The owners of host clusters. */
export interface Owners {
  /** In host order; the first 1000 ones. */
  readonly owners: readonly OwnerRow[];
  /** How many there are in all. */
  readonly count: number;
  /** L2 tables that were read. */
  readonly tables: number;
}

/** One reference to a run of host clusters. */
export interface OwnerRow {
  /** Host offset of the run, in whole clusters, and within the range that was asked for. */
  readonly start: bigint;
  readonly length: bigint;
  readonly kind: HostMapKind;
  /** In words of the spec: `L2 table`, `bitmap data`, `compressed data`. */
  readonly owner: string;
  /** Of layers: the snapshot's index, undefined for the active one. */
  readonly snapshot?: number;
  /** Of bitmaps: index in the directory. */
  readonly bitmap?: number;
  /** Of data, compressed data and L2 tables: the guest's bytes there (those of the clusters; those that the table maps). */
  readonly guest?: ByteRange;
  /** Of data and compressed data: the way there. The L2 index is that of the first cluster. */
  readonly entry?: { readonly l1: number; readonly l2: number };
  /** `snapshot[0] -> L1[3] -> L2[17…20]`, `refcount_table[2]`, `header`. */
  readonly chain: string;
}

/** Which rows of the table of extents. */
export interface ExtentRequest {
  /** Guest offset (of `hostExtents`: host offset) from which on. */
  readonly from: bigint;
  /** At most 10000. */
  readonly count: number;
  /** The layer: index of a snapshot; absent for the active one, and for `hostExtents`. */
  readonly snapshot?: number;
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
  readonly kind: GuestMapKind;
  /** Host offset, for data, compressed and allocated zeros. */
  readonly host?: bigint;
  /** `L1[601] -> L2[2304…2559]`. */
  readonly chain: string;
}

/** Rows of the table of runs of the file. */
export interface HostExtentPage {
  readonly rows: readonly HostExtentRow[];
  /** The host offset from which the next page starts; absent at the end of the file. */
  readonly next?: bigint;
}

/** A run of the file of one kind. */
export interface HostExtentRow {
  readonly start: bigint;
  readonly length: bigint;
  readonly kind: HostMapKind;
}
