import { type ByteWrite, sectorSize } from '../change/changeSet.ts';
import { writesOf } from '../change/writeStream.ts';
import { l2HostOffset } from '../format/l2.ts';
import { encodeL2Entry } from '../format/l2Entry.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { type L2TableSet, someTables } from '../image/l2TableSet.ts';
import { noProgress, type Progress } from '../ports.ts';
import { walkTables, wholeEntries } from './l2Survey.ts';
import { type ChangedTables, type Fate, fates, isOwn, type ZeroExpansion } from './zeroExpansion.ts';

/** Bytes of tables whose writes are gathered before they are handed on. */
const batchBytes = 2 ** 20;

/** The clusters of a set that hold anything but zeros; holes of the file are not read. */
export async function notZero(
  { storage }: Image,
  geometry: Geometry,
  clusters: Iterable<number>,
  progress: Progress,
): Promise<ClusterSet> {
  const wanted = new ClusterSet();
  for (const cluster of clusters) {
    wanted.add(cluster, 1);
  }
  const found = new ClusterSet();
  const { clusterSize } = geometry;
  const bytes = new Uint8Array(clusterSize);
  let next = wanted.next(0);
  const whole = [{ offset: 0n, length: storage.size, data: true }];
  for (const { offset, length, data } of next === undefined ? [] : (storage.extents?.(0n, storage.size) ?? whole)) {
    const first = data ? Math.floor(Number(offset) / clusterSize) : 0;
    const end = data ? Math.ceil(Number(offset + length) / clusterSize) : 0;
    for (next = wanted.next(first); next !== undefined && next < end; next = wanted.next(next + 1)) {
      bytes.fill(0, await storage.read(BigInt(next) * BigInt(clusterSize), bytes));
      if (bytes.some((byte) => byte !== 0)) {
        found.add(next, 1);
      }
      await progress.step(next, geometry.fileClusters);
    }
  }
  return found;
}

/** Zeros for clusters of the file, as they are asked for. */
export function* zeroWrites({ clusterSize }: Geometry, clusters: ClusterSet): Generator<ByteWrite> {
  const zeros = new Uint8Array(clusterSize);
  for (let next = clusters.next(0); next !== undefined; next = clusters.next(next + 1)) {
    yield* writesOf({ structure: 'data', at: BigInt(next) * BigInt(clusterSize), bytes: zeros });
  }
}

/**
 * The copies for entries that get a cluster of their own with the same data.
 *
 * @param first - the first of the new clusters
 */
export async function* copyWrites(
  { storage }: Image,
  geometry: Geometry,
  expansion: ZeroExpansion,
  first: number,
): AsyncGenerator<ByteWrite> {
  const { clusterSize } = geometry;
  for (const { tables, starts } of batches(expansion.changed, clusterSize)) {
    const copies: { readonly from: number; readonly to: number }[] = [];
    const visitor = new Entries(geometry, expansion, tables, starts, ({ fate, hi, lo, fresh }) => {
      if (fate === fates.copy) {
        copies.push({ from: l2HostOffset(hi, lo), to: first + fresh });
      }
    });
    await walkTables(storage, geometry, tables, visitor, noProgress);
    for (const { from, to } of copies) {
      const bytes = new Uint8Array(clusterSize);
      await storage.read(BigInt(from), bytes);
      yield* writesOf({ structure: 'data', at: BigInt(to) * BigInt(clusterSize), bytes });
    }
  }
}

/**
 * The L2 tables without zero entries: the sectors that change.
 *
 * @param first - the first of the new clusters
 */
export async function* entryWrites(
  { storage }: Image,
  geometry: Geometry,
  expansion: ZeroExpansion,
  first: number,
): AsyncGenerator<ByteWrite> {
  for (const { tables, starts } of batches(expansion.changed, geometry.clusterSize)) {
    const writes: ByteWrite[] = [];
    let changed: ChangedTable | undefined;
    const visitor = new Entries(
      geometry,
      expansion,
      tables,
      starts,
      ({ table, entry, view, at, fate, hi, lo, fresh }) => {
        if (changed?.table !== table) {
          writes.push(...(changed?.writes() ?? []));
          changed = new ChangedTable(geometry, tables, table, view, at);
        }
        const offset = BigInt(first + fresh) * BigInt(geometry.clusterSize);
        changed.set(entry, entryOf(fate, hi, lo, offset, isOwn(tables, table)));
      },
    );
    await walkTables(storage, geometry, tables, visitor, noProgress);
    yield* writes;
    yield* changed?.writes() ?? [];
  }
}

/** The two words of an entry after the change. `offset`: the new cluster, in bytes. */
function entryOf(fate: Fate, hi: number, lo: number, offset: bigint, own: boolean): { hi: number; lo: number } {
  switch (fate) {
    case fates.unallocated:
      return { hi: 0, lo: 0 };
    case fates.bared:
      return { hi, lo: (lo & ~1) >>> 0 };
    default:
      return encodeL2Entry({ offset, copied: own, zero: false });
  }
}

/** Some of the tables at a time. */
function* batches(
  { tables, starts }: ChangedTables,
  clusterSize: number,
): Generator<{ readonly tables: L2TableSet; readonly starts: Float64Array }> {
  const most = Math.max(1, Math.floor(batchBytes / clusterSize));
  for (let from = 0; from < tables.count; from += most) {
    const indices = Array.from({ length: Math.min(most, tables.count - from) }, (_, index) => from + index);
    yield { tables: someTables(tables, indices), starts: starts.subarray(from, from + indices.length) };
  }
}

/** An entry that changes. */
interface ChangedEntry {
  readonly table: number;
  readonly entry: number;
  readonly hi: number;
  readonly lo: number;
  readonly fate: Fate;
  /** The number of the new cluster that it gets, if it gets one. */
  readonly fresh: number;
  /** The table's entries, from byte `at` on. Valid during the call. */
  readonly view: DataView;
  readonly at: number;
}

/** Visits the entries that change. */
class Entries {
  readonly absent = wholeEntries.absent;
  readonly lost = wholeEntries.lost;
  readonly #geometry: Geometry;
  readonly #expansion: ZeroExpansion;
  readonly #tables: L2TableSet;
  readonly #starts: Float64Array;
  readonly #visit: (entry: ChangedEntry) => void;

  constructor(
    geometry: Geometry,
    expansion: ZeroExpansion,
    tables: L2TableSet,
    starts: Float64Array,
    visit: (entry: ChangedEntry) => void,
  ) {
    this.#geometry = geometry;
    this.#expansion = expansion;
    this.#tables = tables;
    this.#starts = starts;
    this.#visit = visit;
  }

  entries(table: number, from: number, to: number, view: DataView, at: number): boolean {
    let fresh = this.#starts[table] ?? 0;
    const { l2EntryBytes } = this.#geometry;
    for (let entry = from; entry < to; entry++) {
      const place = at + (entry - from) * l2EntryBytes;
      const hi = view.getUint32(place);
      const lo = view.getUint32(place + 4);
      const fate = this.#expansion.fate(this.#tables, table, hi, lo);
      if (fate !== fates.stays) {
        this.#visit({ table, entry, hi, lo, fate, fresh, view, at });
      }
      fresh += fate === fates.zeros || fate === fates.copy ? 1 : 0;
    }
    return true;
  }
}

/** A table as it will be. */
class ChangedTable {
  readonly table: number;
  readonly #name: string;
  readonly #offset: bigint;
  readonly #bytes: Uint8Array;
  /** By sector: whether it changes. */
  readonly #changed: Uint8Array;

  constructor(geometry: Geometry, tables: L2TableSet, table: number, view: DataView, at: number) {
    this.table = table;
    this.#name = `L1[${tables.l1Indices[table] ?? 0}] -> L2 table`;
    this.#offset = BigInt(tables.offsets[table] ?? 0);
    this.#bytes = new Uint8Array(view.buffer, view.byteOffset + at, geometry.clusterSize).slice();
    this.#changed = new Uint8Array(geometry.clusterSize / sectorSize);
  }

  set(entry: number, { hi, lo }: { readonly hi: number; readonly lo: number }): void {
    const view = new DataView(this.#bytes.buffer);
    view.setUint32(entry * 8, hi);
    view.setUint32(entry * 8 + 4, lo);
    this.#changed[Math.floor((entry * 8) / sectorSize)] = 1;
  }

  /** The sectors that change, adjacent ones together. */
  *writes(): Generator<ByteWrite> {
    for (let first = this.#changed.indexOf(1); first >= 0; ) {
      let end = first + 1;
      while (this.#changed[end] === 1) {
        end++;
      }
      const bytes = this.#bytes.subarray(first * sectorSize, end * sectorSize);
      yield* writesOf({ structure: this.#name, at: this.#offset + BigInt(first * sectorSize), bytes });
      first = this.#changed.indexOf(1, end);
    }
  }
}
