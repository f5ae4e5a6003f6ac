import { statusFlags } from '../engine/image/blockStatus.ts';
import { type EntryWriter, emptyEntry, type MapEntry } from './mapEntry.ts';

/** The part of the disk to be mapped, in bytes: `start` to before `end`. */
export interface MapRange {
  readonly start: bigint;
  readonly end: bigint;
}

const sector = 512n;
const lastExact = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Joins ranges of the guest's disk to entries as qemu-img does (entry_mergeable), and writes them.
 *
 * Numbers are exact below 2^53, and for multiples of 512. So a range that reaches beyond is walked in whole sectors
 * (`from` to `to`), and what was not asked for is cut off its first and last entry.
 */
export class MapEntries {
  readonly from: number;
  readonly to: number;
  readonly #writer: EntryWriter;
  readonly #surplus: number;
  readonly #current: MapEntry;

  constructor(writer: EntryWriter, { start, end }: MapRange) {
    const exact = start <= lastExact && end <= lastExact;
    const from = exact ? start : start - (start % sector);
    const to = exact ? end : ((end + sector - 1n) / sector) * sector;
    this.from = Number(from);
    this.to = Number(to);
    this.#writer = writer;
    const skip = Number(start - from);
    const some = start < end;
    this.#surplus = some ? Number(to - end) : 0;
    this.#current = { ...emptyEntry(this.from), length: some ? 0 : skip, cutStart: skip };
  }

  /** Adds a range; a `StatusVisitor`. */
  add(start: number, length: number, flags: number, depth: number, host: number): void {
    const current = this.#current;
    if (
      current.length > 0 &&
      flags === current.flags &&
      depth === current.depth &&
      ((flags & statusFlags.offset) === 0 || host === current.host + current.length)
    ) {
      current.length += length;
      return;
    }
    if (current.length > 0) {
      this.#writer.entry(current, false);
      current.cutStart = 0;
    }
    current.start = start;
    current.length = length;
    current.flags = flags;
    current.depth = depth;
    current.host = host;
  }

  /** Writes the last entry; one without length if there was none. */
  end(): void {
    this.#current.cutEnd = this.#surplus;
    this.#writer.entry(this.#current, true);
    this.#writer.end();
  }
}
