import { readHostBytes } from '../engine/image/hostBytes.ts';
import { entriesPastEnd, type TableEntry, unreadableEntries } from '../engine/image/tableEntry.ts';
import type { Storage } from '../engine/ports.ts';

/** Entries of 8 bytes that lie together in the file. */
export interface EntryRange {
  /** Host offset in bytes. */
  readonly offset: bigint;
  /** Index in its table of the first one. */
  readonly first: number;
  readonly entries: number;
}

/** Entries that are read at once. */
const chunkEntries = 8192;

/**
 * Visits the entries of a table in order, a chunk at a time. Entries of zero come as runs, made by `decode` from the
 * first one; so do those past the end of the file and those that can't be read.
 */
export async function walkEntryWords(
  storage: Storage,
  range: EntryRange,
  decode: (index: number, hi: number, lo: number) => TableEntry,
  visit: (entry: TableEntry) => void,
): Promise<void> {
  const { offset, first, entries } = range;
  const zeros = new ZeroRun((index, count) => visit({ ...decode(index, 0, 0), count }));
  const view = new DataView(new ArrayBuffer(chunkEntries * 8));
  const present = entriesInFile(storage, range);
  for (let done = 0; done < present; done += chunkEntries) {
    const count = Math.min(chunkEntries, present - done);
    const bytes = new Uint8Array(view.buffer, 0, count * 8);
    const unreadable = await readHostBytes(storage, offset + BigInt(done * 8), bytes);
    for (let entry = 0; entry < count; ) {
      const index = first + done + entry;
      const bad = unreadable.find(({ from, to }) => from < entry * 8 + 8 && to > entry * 8);
      if (bad) {
        const lost = Math.min(count, Math.ceil(bad.to / 8)) - entry;
        zeros.end();
        visit(unreadableEntries(index, lost, bad.system));
        entry += lost;
        continue;
      }
      const hi = view.getUint32(entry * 8);
      const lo = view.getUint32(entry * 8 + 4);
      if ((hi | lo) === 0) {
        zeros.add(index);
      } else {
        zeros.end();
        visit(decode(index, hi, lo));
      }
      entry++;
    }
  }
  zeros.end();
  if (present < entries) {
    visit(entriesPastEnd(first + present, entries - present));
  }
}

/** Entries that lie at least in part in the file. */
function entriesInFile(storage: Storage, { offset, entries }: EntryRange): number {
  const inFile = (storage.size - offset + 7n) / 8n;
  return inFile <= 0n ? 0 : inFile < BigInt(entries) ? Number(inFile) : entries;
}

/** Gathers entries of zero that follow each other. */
export class ZeroRun {
  readonly #visit: (index: number, count: number) => void;
  #index = 0;
  #count = 0;

  /** `visit` gets each run once it has ended. */
  constructor(visit: (index: number, count: number) => void) {
    this.#visit = visit;
  }

  /** Adds an entry; those of a run are added one after the other. */
  add(index: number): void {
    if (this.#count === 0) {
      this.#index = index;
    }
    this.#count++;
  }

  /** Ends the run, if there is one. */
  end(): void {
    if (this.#count > 0) {
      this.#visit(this.#index, this.#count);
      this.#count = 0;
    }
  }
}
