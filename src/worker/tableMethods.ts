import { Qcow2Error } from '../engine/error.ts';
import type { Geometry } from '../engine/image/geometry.ts';
import type { Image } from '../engine/image/image.ts';
import { findMatches, type MatchingEntries } from '../engine/image/matchingEntries.ts';
import { placeTable, type TablePlace } from '../engine/image/tablePlace.ts';
import { type TableRow, tableRow } from '../engine/image/tableRow.ts';
import { readWindow } from '../engine/image/tableWindow.ts';
import type { FilteredTable, TableApi } from '../protocol/tableApi.ts';
import { noTables } from './noTables.ts';
import type { CallContext, Handlers } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';
import { snapshotL1Places } from './snapshotL1Places.ts';

/** Most rows of one answer. */
const mostRows = 1024;

/** Walks whose counts are remembered: those of the tables and filters that were asked for last. */
const mostWalks = 8;

/** The methods of the tables. */
export function tableMethods(image: Image): Pick<Handlers, keyof TableApi> {
  const tables = new Tables(image);
  return {
    table: async (request, context) => {
      const place = await tables.place(request);
      const matching = request.filter === 'all' ? place.entries : (await tables.matches(request, place, context)).count;
      return { place, matching };
    },
    tableRows: async (request, context) => {
      const { from, count } = request;
      if (!isCount(from) || !isCount(count) || count < 1 || count > mostRows) {
        throw new Qcow2Error('bad-argument', `An answer has 1 to ${mostRows} rows, not ${count} from ${from} on.`);
      }
      const place = await tables.place(request);
      return request.filter === 'all'
        ? tables.rows(place, from, count)
        : tables.matchingRows(await tables.matches(request, place, context), from, count);
    },
    tablePosition: async (request, context) => {
      const place = await tables.place(request);
      const { filter, index } = request;
      if (!isCount(index) || index >= place.entries) {
        return undefined;
      }
      return filter === 'all' ? index : (await tables.matches(request, place, context)).positionOf(index);
    },
  };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

class Tables {
  readonly #image: Image;
  readonly #snapshotL1: ReturnType<typeof snapshotL1Places>;
  /** By table and filter, the one that was used last at the end. */
  readonly #walks = new Map<string, SharedRun<MatchingEntries>>();

  constructor(image: Image) {
    this.#image = image;
    this.#snapshotL1 = snapshotL1Places(image);
  }

  place({ table }: FilteredTable): Promise<TablePlace> {
    return placeTable(this.#image, table, this.#snapshotL1);
  }

  async rows(place: TablePlace, from: number, count: number): Promise<TableRow[]> {
    const to = Math.min(place.entries, from + count);
    if (from >= to) {
      return [];
    }
    const window = await readWindow(this.#image.storage, place, from, to);
    return Array.from({ length: to - from }, (_, row) => tableRow(this.#geometry, window, from + row));
  }

  async matchingRows(matching: MatchingEntries, from: number, count: number): Promise<TableRow[]> {
    const rows: TableRow[] = [];
    await matching.visit(from, count, (window, index) => rows.push(tableRow(this.#geometry, window, index)));
    return rows;
  }

  /** The matches of a filter other than `all`. */
  matches(request: FilteredTable, place: TablePlace, context: CallContext): Promise<MatchingEntries> {
    const { table, filter } = request;
    const key = JSON.stringify([table, filter]);
    const { storage } = this.#image;
    const walk =
      this.#walks.get(key) ?? sharedRun((progress) => findMatches(storage, this.#geometry, place, filter, progress));
    this.#walks.delete(key);
    this.#walks.set(key, walk);
    for (const old of this.#walks.keys()) {
      if (this.#walks.size > mostWalks) {
        this.#walks.delete(old);
      }
    }
    return walk.result(context);
  }

  get #geometry(): Geometry {
    return this.#image.geometry ?? noTables();
  }
}
