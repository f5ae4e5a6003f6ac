import { Qcow2Error } from '../error.ts';
import type { ByteRange } from '../finding.ts';
import type { BitRow } from '../format/bits.ts';
import { explainL1Entry, l1EntryBytes } from '../format/l1.ts';
import { explainL2Entry } from '../format/l2Entry.ts';
import { explainRefcountTableEntry, readRefcount, refcountTableEntryBytes } from '../format/refcounts.ts';
import { showCount } from '../format/show.ts';
import { type Geometry, guestOffset, hostOffset } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import type { Image } from './image.ts';
import { l2TableOf } from './l1Table.ts';
import type { Layer } from './layer.ts';
import {
  entriesPastEnd,
  l1Entry,
  l2Entry,
  refcountTableRow,
  type TableEntry,
  unreadableEntries,
} from './tableEntry.ts';

/** An entry of a table as it is in the file, and what its bits mean. */
export interface ExplainedEntry {
  /** Host offset in bytes. */
  readonly offset: bigint;
  /** Zeros where the file ends before, or can't be read: `decoded.kind` says so. */
  readonly bytes: Uint8Array;
  readonly decoded: TableEntry;
  /** Empty where the entry can't be read. */
  readonly rows: readonly BitRow[];
  /** The second half of an extended L2 entry. */
  readonly subclusters: readonly BitRow[];
  /** Guest bytes that it maps; absent where it maps none. */
  readonly guest?: ByteRange;
  /** Host bytes that it leads to. */
  readonly target?: ByteRange;
}

/** The refcount of a host cluster, and where it is. */
export interface ExplainedRefcount {
  /** Host cluster (an index). */
  readonly cluster: number;
  /** Index in the refcount table, and in the block. */
  readonly block: number;
  readonly index: number;
  /** Undefined where it can't be read. */
  readonly refcount?: number | bigint;
  /** Host bytes that hold it; absent where there is no block: it is 0 then. */
  readonly place?: ByteRange;
  readonly bytes?: Uint8Array;
  /** Bits of it; a refcount below a byte shares its byte with others. */
  readonly bits: number;
  /** Why there is no place for it, or why it can't be read. */
  readonly note?: string;
}

/** An entry of the layer's L1 table. Throws `not-found` for an index that it has not got. */
export async function explainL1(image: Image, layer: Layer, index: number): Promise<ExplainedEntry> {
  const { geometry, l1, size } = layer;
  indexBelow(index, l1.entries, 'L1 table');
  const entry = await readEntry(image, l1.offset + BigInt(index) * BigInt(l1EntryBytes), l1EntryBytes);
  const { hi, lo } = entry;
  const decoded = entry.decoded(index) ?? l1Entry(geometry, index, hi, lo);
  const guest = guestRange(geometry, index * geometry.l2Entries, geometry.l2Entries, size);
  return {
    ...entry.place,
    decoded,
    rows: entry.rows(explainL1Entry(hi, lo, geometry.clusterBits)),
    subclusters: [],
    ...(guest ? { guest } : {}),
    ...targetOf(decoded, geometry.clusterSize),
  };
}

/**
 * An entry of the L2 table that an L1 entry leads to. Throws `not-found` where it leads to none, or for an index that a
 * table has not got.
 */
export async function explainL2(image: Image, layer: Layer, l1Index: number, index: number): Promise<ExplainedEntry> {
  const { geometry, l1, size } = layer;
  indexBelow(l1Index, l1.entries, 'L1 table');
  indexBelow(index, geometry.l2Entries, 'L2 table');
  const table = l2TableOf(l1, l1Index);
  if (table === 0) {
    throw new Qcow2Error('not-found', `L1[${l1Index}] leads to no L2 table: everything that it maps is unallocated.`);
  }
  const { l2EntryBytes, l2Entries } = geometry;
  const entry = await readEntry(image, BigInt(table) + BigInt(index * l2EntryBytes), l2EntryBytes);
  const { hi, lo, zero, alloc } = entry;
  const first = l1Index * l2Entries;
  const decoded = entry.decoded(index) ?? l2Entry(geometry, first, index, entry);
  const { descriptor, subclusters = [] } = explainL2Entry(hi, lo, alloc, zero, geometry);
  const guest = guestRange(geometry, first + index, 1, size);
  return {
    ...entry.place,
    decoded,
    rows: entry.rows(descriptor),
    subclusters: entry.rows(subclusters),
    ...(guest ? { guest } : {}),
    ...targetOf(decoded, decoded.length ?? geometry.clusterSize),
  };
}

/** An entry of the refcount table. Throws `not-found` for an index that it has not got. */
export async function explainRefcountTable(image: Image, geometry: Geometry, index: number): Promise<ExplainedEntry> {
  indexBelow(index, refcountTableEntries(image, geometry), 'refcount table');
  const offset = (image.header?.refcount_table_offset ?? 0n) + BigInt(index) * BigInt(refcountTableEntryBytes);
  const entry = await readEntry(image, offset, refcountTableEntryBytes);
  const { hi, lo } = entry;
  const decoded = entry.decoded(index) ?? refcountTableRow(geometry, index, hi, lo);
  return {
    ...entry.place,
    decoded,
    rows: entry.rows(explainRefcountTableEntry(hi, lo, geometry.clusterBits)),
    subclusters: [],
    ...targetOf(decoded, geometry.clusterSize),
  };
}

/** The refcount of a host cluster. */
export async function explainRefcount(image: Image, geometry: Geometry, cluster: number): Promise<ExplainedRefcount> {
  const { refcountBlockEntries, refcountOrder } = geometry;
  const index = cluster % refcountBlockEntries;
  const block = (cluster - index) / refcountBlockEntries;
  const bits = 2 ** refcountOrder;
  const place = { cluster, block, index, bits };
  if (block >= refcountTableEntries(image, geometry)) {
    return { ...place, refcount: 0, note: 'The refcount table does not reach this cluster: its refcount is 0.' };
  }
  const { decoded } = await explainRefcountTable(image, geometry, block);
  if (decoded.kind === 'unreadable') {
    return { ...place, note: `refcount_table[${block}] can’t be read: ${decoded.wrong}` };
  }
  if (decoded.host === undefined) {
    return { ...place, refcount: 0, note: `refcount_table[${block}] leads to no block: all its refcounts are 0.` };
  }
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  const byte = Math.floor((index * bits) / 8);
  const offset = BigInt(decoded.host) + BigInt(byte);
  const [bad] = await readHostBytes(image.storage, offset, bytes);
  const found = { ...place, place: { offset, length: BigInt(bytes.length) }, bytes };
  if (bad) {
    return { ...found, note: `It can’t be read: ${unreadableEntries(0, 1, bad.system).wrong}` };
  }
  const refcount = readRefcount(bytes, index - (byte * 8) / bits, refcountOrder);
  const beyond = offset >= image.storage.size;
  return {
    ...found,
    refcount,
    ...(beyond ? { note: 'The block lies past the end of the file: it reads as zeros.' } : {}),
  };
}

/** Entries of the refcount table, as the header has it. */
function refcountTableEntries({ header }: Image, { clusterSize }: Geometry): number {
  return ((header?.refcount_table_clusters ?? 0) * clusterSize) / refcountTableEntryBytes;
}

function indexBelow(index: number, count: number, table: string): void {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    const has = count === 0 ? 'no entries' : `the entries 0 to ${showCount(count - 1)}`;
    throw new Qcow2Error('not-found', `There is no entry ${showCount(index)}: the ${table} has ${has}.`);
  }
}

/** An entry of 8 or 16 bytes. */
async function readEntry({ storage }: Image, offset: bigint, width: number) {
  const bytes = new Uint8Array(width);
  const [bad] = await readHostBytes(storage, offset, bytes);
  const view = new DataView(bytes.buffer);
  const second = width === 16;
  const pastEnd = offset >= storage.size;
  return {
    place: { offset, bytes },
    hi: view.getUint32(0),
    lo: view.getUint32(4),
    zero: second ? view.getUint32(8) : 0,
    alloc: second ? view.getUint32(12) : 0,
    /** What it is when it is not in the file. */
    decoded: (index: number): TableEntry | undefined =>
      bad ? unreadableEntries(index, 1, bad.system) : pastEnd ? entriesPastEnd(index, 1) : undefined,
    rows: (rows: readonly BitRow[]): readonly BitRow[] => (bad ? [] : rows),
  };
}

/** Guest clusters as bytes, cut at the end of the disk; undefined past it. */
function guestRange(geometry: Geometry, cluster: number, count: number, size: bigint): ByteRange | undefined {
  const offset = guestOffset(geometry, cluster);
  const end = hostOffset(geometry, cluster + count);
  return offset < size ? { offset, length: (end < size ? end : size) - offset } : undefined;
}

function targetOf({ host }: TableEntry, length: number): { target?: ByteRange } {
  return host === undefined ? {} : { target: { offset: BigInt(host), length: BigInt(length) } };
}
