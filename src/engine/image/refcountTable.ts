import {
  refcountTableEntry,
  refcountTableEntryBytes,
  refcountTableReserved,
  refcountTableUnaligned,
} from '../format/refcounts.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';
import type { Geometry } from './geometry.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';

/** The refcount table as read. */
export interface RefcountTable {
  /** Host offset in bytes. */
  readonly offset: bigint;
  /** Entries up to the end of the file; those past it read as zeros. */
  readonly entries: number;
  readonly view: DataView;
  readonly unreadable: readonly Unreadable[];
}

/** Where the refcount table is: fields of the header, by the spec's names. */
export interface RefcountTablePlace {
  readonly refcount_table_offset: bigint;
  readonly refcount_table_clusters: number;
}

/** Reads the refcount table; one that is larger than the limit, or not at a cluster, counts as empty. */
export async function readRefcountTable(
  storage: Storage,
  geometry: Geometry,
  place: RefcountTablePlace,
): Promise<RefcountTable> {
  const { refcount_table_offset: offset, refcount_table_clusters: clusters } = place;
  const size = clusters * geometry.clusterSize;
  const usable = size <= limits.refcountTableBytes && offset % BigInt(geometry.clusterSize) === 0n;
  const inFile = storage.size - offset;
  const length = !usable || inFile <= 0n ? 0 : Math.min(size, Number(inFile));
  const bytes = new Uint8Array(Math.ceil(length / refcountTableEntryBytes) * refcountTableEntryBytes);
  const unreadable = await readHostBytes(storage, offset, bytes);
  const view = new DataView(bytes.buffer);
  return { offset, entries: bytes.length / refcountTableEntryBytes, view, unreadable };
}

/** An entry that leads to a refcount block, or has a flaw. */
export interface RefcountTableEntry {
  readonly index: number;
  /** Host offset of the block in bytes. */
  readonly block: number;
  readonly reserved: boolean;
  readonly unaligned: boolean;
}

/** The entries that are not zero. */
export function* refcountTableEntries(geometry: Geometry, table: RefcountTable): Iterable<RefcountTableEntry> {
  for (let index = 0; index < table.entries; index++) {
    const hi = table.view.getUint32(index * refcountTableEntryBytes);
    const lo = table.view.getUint32(index * refcountTableEntryBytes + 4);
    if ((hi | lo) !== 0) {
      const block = refcountTableEntry(hi, lo);
      const unaligned = refcountTableUnaligned(lo, geometry.clusterBits);
      yield { index, block, reserved: refcountTableReserved(lo), unaligned };
    }
  }
}
