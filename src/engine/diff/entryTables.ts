import { readHostBytes } from '../image/hostBytes.ts';
import type { Progress, Storage } from '../ports.ts';
import type { Difference, DifferenceVisitor, Side } from './difference.ts';

/** A table of 8-byte entries in a file. */
export interface PlacedTable {
  readonly storage: Storage;
  /** Host offset in bytes. */
  readonly offset: bigint;
  readonly entries: number;
}

/** Entries that are read at once. */
const chunkEntries = 2 ** 17;

/**
 * Compares two tables entry by entry, and tells of the runs that differ, with the first entries of each. Past the end of a
 * table or of its file entries are 0. Memory is bounded.
 */
export async function compareEntryTables(
  of: Pick<Difference, 'section'> & { readonly name: string },
  a: PlacedTable,
  b: PlacedTable,
  visit: DifferenceVisitor,
  progress: Progress,
): Promise<void> {
  const buffers = [new Uint8Array(chunkEntries * 8), new Uint8Array(chunkEntries * 8)] as const;
  const [words, others] = [new Uint32Array(buffers[0].buffer), new Uint32Array(buffers[1].buffer)];
  const [left, right] = [new DataView(buffers[0].buffer), new DataView(buffers[1].buffer)];
  const end = Math.max(inFile(a), inFile(b));
  let run: { first: number; count: number; a: Side; b: Side } | undefined;
  const flush = (): void => {
    if (run) {
      const { first, count } = run;
      const place = `${of.name}[${first}${count > 1 ? `…${first + count - 1}` : ''}]`;
      visit({ section: of.section, place, count, a: run.a, b: run.b });
      run = undefined;
    }
  };
  for (let start = 0; start < end; start += chunkEntries) {
    await readEntries(a, start, buffers[0]);
    await readEntries(b, start, buffers[1]);
    for (let at = 0; at < Math.min(chunkEntries, end - start); at++) {
      if (words[at * 2] === others[at * 2] && words[at * 2 + 1] === others[at * 2 + 1]) {
        flush();
      } else if (run) {
        run.count++;
      } else {
        run = { first: start + at, count: 1, a: entrySide(left, at), b: entrySide(right, at) };
      }
    }
    await progress.step(0, 0);
  }
  flush();
}

function inFile({ storage, offset, entries }: PlacedTable): number {
  const left = storage.size > offset ? (storage.size - offset + 7n) / 8n : 0n;
  return left < BigInt(entries) ? Number(left) : entries;
}

async function readEntries({ storage, offset, entries }: PlacedTable, start: number, into: Uint8Array): Promise<void> {
  into.fill(0);
  const length = Math.min(into.length, (entries - start) * 8);
  if (length > 0) {
    await readHostBytes(storage, offset + BigInt(start * 8), into.subarray(0, length));
  }
}

function entrySide(view: DataView, at: number): Side {
  const raw = view
    .getBigUint64(at * 8)
    .toString(16)
    .padStart(16, '0');
  return { text: `0x${raw}`, values: { raw } };
}
