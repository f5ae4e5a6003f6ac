import type { Progress } from '../ports.ts';
import type { Image } from './image.ts';
import { l2TableOf } from './l1Table.ts';
import { type L2Visitor, walkL2Tables } from './l2Tables.ts';

/** Tables beyond which none are compared: 256 Ki tables of 64 KiB are 16 GiB to be read. */
const mostTables = 2 ** 18;

/** A number for each L2 table of the active layer: another one when its place or one of its entries is another one. */
export interface TableDigests {
  /** L1 indices of the tables, ascending. */
  readonly indices: readonly number[];
  /** As long as `indices`. */
  readonly digests: readonly number[];
}

/** Reads all L2 tables of the active layer for their digests. Undefined when there are too many, or no L1 table. */
export async function tableDigests(image: Image, progress: Progress): Promise<TableDigests | undefined> {
  const { geometry, layer, l1, storage } = image;
  if (!geometry || !layer) {
    return undefined;
  }
  const { clusters } = layer;
  const reader = new DigestReader(geometry.l2EntryBytes / 4, (index) => l2TableOf(l1, index));
  await walkL2Tables(storage, geometry, l1, { from: 0, to: clusters }, reader, progress);
  return reader.indices.length > mostTables ? undefined : { indices: reader.indices, digests: reader.digests() };
}

/** L1 indices of the tables that differ, ascending. */
export interface DifferentTables {
  readonly added: Uint32Array;
  readonly removed: Uint32Array;
  readonly changed: Uint32Array;
}

/** Which tables differ. */
export function compareDigests(before: TableDigests, after: TableDigests): DifferentTables {
  const found = { added: [] as number[], removed: [] as number[], changed: [] as number[] };
  let old = 0;
  let now = 0;
  while (old < before.indices.length || now < after.indices.length) {
    const was = before.indices[old] ?? Number.POSITIVE_INFINITY;
    const is = after.indices[now] ?? Number.POSITIVE_INFINITY;
    const kind = was < is ? 'removed' : is < was ? 'added' : 'changed';
    if (kind !== 'changed' || before.digests[old] !== after.digests[now]) {
      found[kind].push(Math.min(was, is));
    }
    old += was <= is ? 1 : 0;
    now += is <= was ? 1 : 0;
  }
  return {
    added: Uint32Array.from(found.added),
    removed: Uint32Array.from(found.removed),
    changed: Uint32Array.from(found.changed),
  };
}

/** Two sums over the 32-bit words of each table, in the manner of FNV-1a. */
class DigestReader implements L2Visitor {
  readonly indices: number[] = [];
  readonly #low: number[] = [];
  readonly #high: number[] = [];
  readonly #words: number;
  readonly #place: (l1Index: number) => number;

  constructor(words: number, place: (l1Index: number) => number) {
    this.#words = words;
    this.#place = place;
  }

  digests(): number[] {
    return this.#low.map((low, at) => low * 2 ** 20 + ((this.#high[at] ?? 0) >>> 12));
  }

  absent(): boolean {
    return true;
  }

  lost(l1Index: number, from: number, to: number): boolean {
    this.#add(l1Index, from, to);
    return this.indices.length <= mostTables;
  }

  entries(l1Index: number, from: number, to: number, view: DataView, at: number): boolean {
    let [low, high] = this.#start(l1Index);
    const end = at + (to - from) * this.#words * 4;
    for (let word = at; word < end; word += 4) {
      const value = view.getUint32(word);
      low = Math.imul(low ^ value, 0x0100_0193);
      high = Math.imul(high ^ (value + 0x9e37_79b9), 0x85eb_ca6b);
      high ^= high >>> 15;
    }
    this.#end(low, high);
    return this.indices.length <= mostTables;
  }

  #add(l1Index: number, ...values: readonly number[]): void {
    let [low, high] = this.#start(l1Index);
    for (const value of values) {
      low = Math.imul(low ^ value, 0x0100_0193);
      high = Math.imul(high ^ value, 0x85eb_ca6b);
    }
    this.#end(low, high);
  }

  /** The sums so far of a table, which may come in several parts. */
  #start(l1Index: number): [number, number] {
    const last = this.indices.length - 1;
    if (this.indices[last] !== l1Index) {
      this.indices.push(l1Index);
      const place = this.#place(l1Index);
      return [(0x811c_9dc5 ^ place) | 0, Math.floor(place / 0x1_0000_0000) ^ (place * 31)];
    }
    return [this.#low[last] ?? 0, this.#high[last] ?? 0];
  }

  #end(low: number, high: number): void {
    const last = this.indices.length - 1;
    this.#low[last] = low >>> 0;
    this.#high[last] = high >>> 0;
  }
}
