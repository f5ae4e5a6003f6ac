import { readSmallRefcount } from '../format/refcounts.ts';
import type { Progress, Storage } from '../ports.ts';
import type { Geometry } from './geometry.ts';
import type { EntryKind } from './tableEntry.ts';
import type { TablePlace } from './tablePlace.ts';
import { type CountedEntry, refcountKind, tableEntry } from './tableRow.ts';
import { byteOf, readWindow, type TableWindow } from './tableWindow.ts';

/** Which entries of a table: all, those that lead somewhere (or count something), those with a flaw, or one kind. */
export type EntryFilter = 'all' | 'allocated' | 'wrong' | EntryKind;

/** Whether an entry is one of the filter's. */
function matches({ kind, host, refcount, wrong }: CountedEntry, filter: EntryFilter): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'allocated':
      return refcount === undefined ? host !== undefined : kind !== 'free';
    case 'wrong':
      return wrong !== undefined;
    default:
      return kind === filter;
  }
}

/** Entries whose matches are counted together. */
const groupEntries = 512;
/** Entries that are read at once; a multiple of the groups' size. */
const windowEntries = 2 ** 14;

/** How many entries of each part of a table match a filter: 128 KiB for a table of 16 million entries. */
export class MatchingEntries {
  /** How many entries match. */
  readonly count: number;
  readonly #storage: Storage;
  readonly #geometry: Geometry;
  readonly #place: TablePlace;
  readonly #filter: EntryFilter;
  /** Matches before each group, and all of them at the end. */
  readonly #before: Float64Array;

  constructor(storage: Storage, geometry: Geometry, place: TablePlace, filter: EntryFilter, before: Float64Array) {
    this.#storage = storage;
    this.#geometry = geometry;
    this.#place = place;
    this.#filter = filter;
    this.#before = before;
    this.count = before.at(-1) ?? 0;
  }

  /**
   * Visits the matches from position `from` on, at most `count`: reads only the groups that have them. Each comes with
   * the window that it is in.
   */
  async visit(from: number, count: number, visitor: (window: TableWindow, index: number) => void): Promise<void> {
    const end = Math.min(this.count, from + count);
    for (let group = this.#groupOf(from), next = from; next < end; group++) {
      let position = this.#before[group] ?? 0;
      if ((this.#before[group + 1] ?? 0) <= next) {
        continue;
      }
      const window = await this.#read(group);
      for (let index = window.from; index < window.to && next < end; index++) {
        if (matches(tableEntry(this.#geometry, window, index), this.#filter)) {
          if (position === next) {
            visitor(window, index);
            next++;
          }
          position++;
        }
      }
    }
  }

  /** The position of an entry among the matches; undefined where it is none. Reads one group. */
  async positionOf(index: number): Promise<number | undefined> {
    const group = Math.floor(index / groupEntries);
    const window = await this.#read(group);
    const among = (at: number): boolean => matches(tableEntry(this.#geometry, window, at), this.#filter);
    if (!among(index)) {
      return undefined;
    }
    let position = this.#before[group] ?? 0;
    for (let at = window.from; at < index; at++) {
      position += among(at) ? 1 : 0;
    }
    return position;
  }

  #read(group: number): Promise<TableWindow> {
    const from = group * groupEntries;
    return readWindow(this.#storage, this.#place, from, Math.min(this.#place.entries, from + groupEntries));
  }

  /** The group that has the match at a position. */
  #groupOf(position: number): number {
    let low = 0;
    let high = this.#before.length - 1;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((this.#before[middle] ?? 0) <= position) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

/** Walks a table once and counts the entries that match. Progress in entries. */
export async function findMatches(
  storage: Storage,
  geometry: Geometry,
  place: TablePlace,
  filter: EntryFilter,
  progress: Progress,
): Promise<MatchingEntries> {
  const { entries } = place;
  const before = new Float64Array(Math.ceil(entries / groupEntries) + 1);
  const isMatch = matcher(geometry, filter);
  let count = 0;
  for (let from = 0; from < entries; from += windowEntries) {
    const window = await readWindow(storage, place, from, Math.min(entries, from + windowEntries));
    for (let group = from; group < window.to; group += groupEntries) {
      const end = Math.min(window.to, group + groupEntries);
      for (let index = group; index < end; index++) {
        count += isMatch(window, index) ? 1 : 0;
      }
      before[Math.ceil(end / groupEntries)] = count;
    }
    await progress.step(window.to, entries);
  }
  return new MatchingEntries(storage, geometry, place, filter, before);
}

/** As `matches`, for the walk: entries that are zero, and refcounts, are alike wherever they are. */
function matcher(geometry: Geometry, filter: EntryFilter): (window: TableWindow, index: number) => boolean {
  const slowly = (window: TableWindow, index: number): boolean => matches(tableEntry(geometry, window, index), filter);
  let zero: boolean | undefined;
  const known = new Map<EntryKind, boolean>();
  return (window, index) => {
    const { place, view, bytes, base, unreadable, end } = window;
    if (unreadable.length > 0 || index >= end) {
      return slowly(window, index);
    }
    if (place.id.kind === 'refcount-block') {
      const kind = refcountKind(readSmallRefcount(bytes, index - base, geometry.refcountOrder));
      const answer = known.get(kind) ?? slowly(window, index);
      known.set(kind, answer);
      return answer;
    }
    const at = byteOf(window, index);
    const more = place.entryBits === 128 ? view.getUint32(at + 8) | view.getUint32(at + 12) : 0;
    if ((view.getUint32(at) | view.getUint32(at + 4) | more) !== 0) {
      return slowly(window, index);
    }
    zero ??= slowly(window, index);
    return zero;
  };
}
