/** What a host cluster can belong to. Small numbers: scans keep one a cluster. */
export const owners = {
  header: 1,
  l1Table: 2,
  l2Table: 3,
  refcountTable: 4,
  refcountBlock: 5,
  snapshotTable: 6,
  bitmapDirectory: 7,
  bitmapTable: 8,
  bitmapData: 9,
  luksArea: 10,
  data: 11,
  compressed: 12,
} as const;

/** One of `owners`. */
export type Owner = (typeof owners)[keyof typeof owners];

/** By `Owner`: its name in words of the spec. */
export const ownerNames = [
  'nothing',
  'header',
  'L1 table',
  'L2 table',
  'refcount table',
  'refcount block',
  'snapshot table',
  'bitmap directory',
  'bitmap table',
  'bitmap data',
  'LUKS area',
  'data',
  'compressed data',
] as const;

/** The active layer as the source of a reference; 0 and up are indices of the snapshot table. */
export const activeSource = -1;

/** Why an entry leads nowhere, or not where it should. */
export const flaws = {
  /** Reserved bits are set; what it leads to is a reference all the same. */
  reserved: 1,
  /** The offset is not that of a cluster. */
  unaligned: 2,
  /** The system failed to read the entry. */
  unreadable: 3,
  /** A zero cluster in a version 2 image. */
  zeroInVersion2: 4,
  /** Subcluster bits that contradict each other or the host offset. */
  invalidSubclusters: 5,
  /** A compressed cluster in an image with an external data file. */
  compressedInDataFile: 6,
  /** A host offset in the external data file that is not the guest offset. */
  dataFileOffset: 7,
  /** Compressed, and the subcluster bitmap is not zero. */
  compressedWithSubclusters: 8,
  /** A compressed cluster with COPIED set. */
  compressedCopied: 9,
  /** Compressed data at a host offset with bits above 55. */
  compressedBeyond56: 10,
  /** The entry is not zero, but leads nowhere. */
  flagsAlone: 11,
  /** Bit 0 of an extended L2 entry, where ZERO is in standard ones. */
  zeroOfExtended: 12,
  /** Compressed data or a bitmap table, of any number of bytes, that reaches past the file's last cluster. */
  pastEnd: 13,
} as const;

/** One of `flaws`. */
export type Flaw = (typeof flaws)[keyof typeof flaws];

/** Where a table entry is. */
export interface EntryPlace {
  /** What the entry leads to. */
  readonly owner: Owner;
  /** Snapshot index, or -1 for the active layer; bitmap index for bitmaps; 0 for the refcount table. */
  readonly source: number;
  /** L1 index, index in the refcount table, or index in the bitmap table. */
  readonly table: number;
  /** L2 index; -1 in the other tables. */
  readonly entry: number;
  /** How many entries from this one on. */
  readonly count: number;
  /** Host offset of the entry in bytes. */
  readonly host: bigint;
  /** What the entry leads to: a host offset in bytes. */
  readonly target: bigint;
  /** Bytes that it leads to, where these are no whole clusters. */
  readonly length?: number;
  /** The entry itself, or the first half of an extended L2 entry; 0 where it can't be read. */
  readonly raw: bigint;
  /** The system's code, such as `EIO`, where it can't be read. */
  readonly system?: string | undefined;
}

/** What the reference walker calls. All of it is plain numbers: there may be millions of calls. */
export interface ReferenceVisitor {
  /**
   * `count` host clusters from `cluster` on belong to an owner. `source`: snapshot index, -1 for the active layer;
   * bitmap index for bitmaps. `index`: guest cluster of the first one for data and compressed data; L1 index for L2
   * tables; index in the refcount table for blocks; index in the bitmap table for bitmap data; else 0. `references`:
   * how often the table that leads there is referenced itself, so that each counts as many times. `copied`: whether the
   * entries of data have COPIED set. Clusters past the end of the file are visited too.
   */
  reference(
    owner: Owner,
    source: number,
    index: number,
    cluster: number,
    count: number,
    references: number,
    copied?: boolean,
  ): void;
  /** The references that follow are those of an L2 table's entries: its index in the set of tables that is walked. */
  table?(index: number): void;
  /** An entry is flawed. */
  flaw?(flaw: Flaw, place: EntryPlace): void;
}
