import { l1EntryBytes, l1Place } from '../format/l1.ts';
import type { Storage } from '../ports.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';

/** An L1 table as read: kept as its bytes, decoded entry by entry. */
export interface L1Table {
  /** Host offset in bytes, as the header or the snapshot says. */
  readonly offset: bigint;
  /** Entries. Those past the end of the file read as zeros and take no memory. */
  readonly entries: number;
  /** The entries up to the end of the file. */
  readonly view: DataView;
  /** Bytes of the table that the system failed to read; they are zeros in `view`. */
  readonly unreadable: readonly Unreadable[];
}

/** An L1 table without entries. */
export const emptyL1: L1Table = { offset: 0n, entries: 0, view: new DataView(new ArrayBuffer(0)), unreadable: [] };

/** Reads an L1 table; the caller has checked `entries` against the limits. Offsets past the end of the file are fine. */
export async function readL1(storage: Storage, offset: bigint, entries: number): Promise<L1Table> {
  const inFile = storage.size - offset;
  const wanted = BigInt(entries) * BigInt(l1EntryBytes);
  const length = inFile <= 0n ? 0 : Number(inFile < wanted ? inFile : wanted);
  const bytes = new Uint8Array(Math.ceil(length / l1EntryBytes) * l1EntryBytes);
  const unreadable = await readHostBytes(storage, offset, bytes);
  return { offset, entries, view: new DataView(bytes.buffer), unreadable };
}

/** Host offset of the L2 table that an entry names (bytes); 0 for none, also past the end of the file. */
export function l2TableOf(l1: L1Table, index: number): number {
  const at = index * l1EntryBytes;
  return at < l1.view.byteLength ? l1Place(l1.view.getUint32(at), l1.view.getUint32(at + 4)) : 0;
}

/** The first entry from `index` on, below `end`, that names an L2 table; `end` when there is none. */
export function nextL2Table(l1: L1Table, index: number, end: number): number {
  const { view } = l1;
  const last = Math.min(end, view.byteLength / l1EntryBytes);
  for (let entry = index; entry < last; entry++) {
    const at = entry * l1EntryBytes;
    if (l1Place(view.getUint32(at), view.getUint32(at + 4)) !== 0) {
      return entry;
    }
  }
  return end;
}

/** What failed where an entry could not be read; undefined for one that was read. */
export function unreadableL1(l1: L1Table, index: number): Unreadable | undefined {
  const from = index * l1EntryBytes;
  return l1.unreadable.find((bad) => bad.from < from + l1EntryBytes && bad.to > from);
}
