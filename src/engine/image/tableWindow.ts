import type { Storage } from '../ports.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';
import type { TablePlace } from './tablePlace.ts';

/** Some entries of a table as they are in the file. */
export interface TableWindow {
  readonly place: TablePlace;
  /** Index of the first entry, and of the one after the last. */
  readonly from: number;
  readonly to: number;
  /** The bytes that hold them; what can't be read or lies past the end of the file is zeros. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Index of the entry that starts with the first byte: below `from` where several entries share it. */
  readonly base: number;
  /** Host offset of the first byte. */
  readonly host: bigint;
  /** Index of the first entry that lies past the end of the file. */
  readonly end: number;
  /** Bytes that the system failed to read. */
  readonly unreadable: readonly Unreadable[];
}

/** Reads the entries `from` to `to` (exclusive), which the table must have, and nothing else. */
export async function readWindow(storage: Storage, place: TablePlace, from: number, to: number): Promise<TableWindow> {
  const { entryBits } = place;
  const start = Math.floor((from * entryBits) / 8);
  const bytes = new Uint8Array(Math.ceil((to * entryBits) / 8) - start);
  const host = place.offset + BigInt(start);
  const unreadable = await readHostBytes(storage, host, bytes);
  const base = (start * 8) / entryBits;
  return {
    place,
    from,
    to,
    bytes,
    view: new DataView(bytes.buffer),
    base,
    host,
    end: endOf(storage, place),
    unreadable,
  };
}

/** Byte of `bytes` at which an entry starts. */
export function byteOf({ place, base }: TableWindow, index: number): number {
  return Math.floor(((index - base) * place.entryBits) / 8);
}

/** The bytes that the system failed to read, if an entry is one of them. */
export function unreadableEntry(window: TableWindow, index: number): Unreadable | undefined {
  if (window.unreadable.length === 0) {
    return undefined;
  }
  const from = byteOf(window, index);
  const to = from + Math.max(1, window.place.entryBits / 8);
  return window.unreadable.find((bad) => bad.from < to && bad.to > from);
}

/** Entries that lie at least in part in the file. */
function endOf(storage: Storage, { offset, entries, entryBits }: TablePlace): number {
  const inFile = ((storage.size - offset) * 8n + BigInt(entryBits - 1)) / BigInt(entryBits);
  return inFile <= 0n ? 0 : inFile < BigInt(entries) ? Number(inFile) : entries;
}
