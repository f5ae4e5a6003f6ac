import { joinWords } from '../format/bits.ts';
import {
  compressedBeyond56,
  compressedByte,
  compressedCluster,
  compressedMaxBytes,
  compressedSectorBytes,
  compressedSectors,
} from '../format/compressed.ts';
import { l2Copied, l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import type { Progress, Storage } from '../ports.ts';
import type { Geometry } from './geometry.ts';
import type { L1Table } from './l1Table.ts';
import { l2Flaws, l2Sound, l2Target } from './l2Flaws.ts';
import type { L2TableSet } from './l2TableSet.ts';
import { type L2Visitor, type Lost, walkL2Tables } from './l2Tables.ts';
import { type EntryPlace, flaws, owners, type ReferenceVisitor } from './reference.ts';

/** Visits what the entries of L2 tables refer to, each table once. */
export async function walkL2References(
  storage: Storage,
  geometry: Geometry,
  tables: L2TableSet,
  visitor: ReferenceVisitor,
  progress: Progress,
): Promise<void> {
  const range = { from: 0, to: tables.count * geometry.l2Entries };
  if (range.to > 0) {
    const reader = new ReferenceReader(geometry, tables, visitor);
    await walkL2Tables(storage, geometry, inHostOrder(tables), range, reader, progress);
  }
}

/** The tables of a set as one L1 table, so that they are read in the order in which they lie in the file. */
export function inHostOrder({ offsets, count }: L2TableSet): L1Table {
  const view = new DataView(new ArrayBuffer(count * 8));
  for (const [index, offset] of offsets.entries()) {
    view.setUint32(index * 8, Math.floor(offset / 0x1_0000_0000));
    view.setUint32(index * 8 + 4, offset % 0x1_0000_0000);
  }
  return { offset: 0n, entries: count, view, unreadable: [] };
}

class ReferenceReader implements L2Visitor {
  readonly #geometry: Geometry;
  readonly #tables: L2TableSet;
  readonly #visitor: ReferenceVisitor;

  constructor(geometry: Geometry, tables: L2TableSet, visitor: ReferenceVisitor) {
    this.#geometry = geometry;
    this.#tables = tables;
    this.#visitor = visitor;
  }

  absent(): boolean {
    return true;
  }

  lost(table: number, from: number, to: number, why: Lost): boolean {
    const place = this.#place(table, from, to - from);
    this.#visitor.flaw?.(flaws.unreadable, { ...place, system: why.system });
    return true;
  }

  entries(table: number, from: number, to: number, view: DataView, at: number): boolean {
    const geometry = this.#geometry;
    const { clusterSize, l2EntryBytes, extended, dataFile } = geometry;
    const source = this.#tables.sources[table] ?? 0;
    const references = this.#tables.references[table] ?? 0;
    const guest = (this.#tables.l1Indices[table] ?? 0) * geometry.l2Entries;
    this.#visitor.table?.(table);
    for (let index = from; index < to; ) {
      const entry = at + (index - from) * l2EntryBytes;
      const hi = view.getUint32(entry);
      const lo = view.getUint32(entry + 4);
      const zero = extended ? view.getUint32(entry + 8) : 0;
      const alloc = extended ? view.getUint32(entry + 12) : 0;
      if ((hi | lo | zero | alloc) === 0) {
        index++;
        continue;
      }
      const guestOffset = (guest + index) * clusterSize;
      const sound = l2Sound(hi, lo, alloc, zero, guestOffset, geometry);
      if (!sound) {
        const place = this.#entry(table, index, hi, lo);
        for (const flaw of l2Flaws(hi, lo, alloc, zero, guestOffset, geometry)) {
          this.#visitor.flaw?.(flaw, place);
        }
      }
      const kind = l2Kind(hi, lo, geometry);
      let count = 1;
      if (kind === l2Kinds.compressed) {
        // QEMU's check follows neither: both are errors alone (check_refcounts_l2).
        if (!dataFile && (zero | alloc) === 0) {
          this.#compressed(table, index, hi, lo);
        }
      } else if ((kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) && !dataFile) {
        const cluster = l2HostOffset(hi, lo) / clusterSize;
        count = sound ? runLength(geometry, view, entry, at + (to - from) * l2EntryBytes) : 1;
        const copied = l2Copied(hi);
        this.#visitor.reference(owners.data, source, guest + index, Math.floor(cluster), count, references, copied);
        if (cluster % 1 !== 0) {
          this.#visitor.reference(owners.data, source, guest + index, Math.floor(cluster) + 1, 1, references, copied);
        }
      }
      index += count;
    }
    return true;
  }

  /** QEMU counts compressed data by whole sectors (check_refcounts_l2), so that it may touch two clusters. */
  #compressed(table: number, index: number, hi: number, lo: number): void {
    const { clusterBits, clusterSize, fileClusters, l2Entries } = this.#geometry;
    const byte = compressedByte(lo, clusterBits);
    const end = byte - (byte % compressedSectorBytes) + compressedSectors(hi, clusterBits) * compressedSectorBytes;
    const first = compressedCluster(hi, lo, clusterBits);
    const clusters = Math.ceil(end / clusterSize);
    if (first + clusters > fileClusters && !compressedBeyond56(hi, clusterBits)) {
      const length = compressedMaxBytes(hi, lo, clusterBits);
      this.#visitor.flaw?.(flaws.pastEnd, { ...this.#entry(table, index, hi, lo), length });
    }
    const source = this.#tables.sources[table] ?? 0;
    const guest = (this.#tables.l1Indices[table] ?? 0) * l2Entries + index;
    this.#visitor.reference(owners.compressed, source, guest, first, clusters, this.#tables.references[table] ?? 0);
  }

  #entry(table: number, index: number, hi: number, lo: number): EntryPlace {
    return { ...this.#place(table, index, 1), target: l2Target(hi, lo, this.#geometry), raw: joinWords(hi, lo) };
  }

  #place(table: number, entry: number, count: number): EntryPlace {
    const { l2EntryBytes } = this.#geometry;
    return {
      owner: owners.data,
      source: this.#tables.sources[table] ?? 0,
      table: this.#tables.l1Indices[table] ?? 0,
      entry,
      count,
      host: BigInt((this.#tables.offsets[table] ?? 0) + entry * l2EntryBytes),
      target: 0n,
      raw: 0n,
    };
  }
}

/**
 * How many entries from the one at byte `from` on, before `stop`, lead to adjacent host clusters and differ in nothing
 * else: what is right with the first one is right with all.
 */
export function runLength(geometry: Geometry, view: DataView, from: number, stop: number): number {
  const { clusterSize, l2EntryBytes, extended } = geometry;
  const hi = view.getInt32(from);
  const first = view.getUint32(from + 4);
  // The low word grows from entry to entry; a run ends where it is full. Signed words, which need no 64 bits.
  const most = Math.min((stop - from) / l2EntryBytes, Math.ceil((2 ** 32 - first) / clusterSize));
  let lo = (first + clusterSize) | 0;
  let entry = from + l2EntryBytes;
  let run = 1;
  while (
    run < most &&
    view.getInt32(entry + 4) === lo &&
    view.getInt32(entry) === hi &&
    (!extended ||
      (view.getInt32(entry + 8) === view.getInt32(from + 8) && view.getInt32(entry + 12) === view.getInt32(from + 12)))
  ) {
    lo = (lo + clusterSize) | 0;
    entry += l2EntryBytes;
    run++;
  }
  // Nothing is computed after the loop: V8 would leave its fast code for it each time.
  return run;
}
