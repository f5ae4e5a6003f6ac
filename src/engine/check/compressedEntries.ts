import { compressedBeyond56 } from '../format/compressed.ts';
import { l2Kind, l2Kinds } from '../format/l2.ts';
import type { Geometry } from '../image/geometry.ts';
import { l2Target } from '../image/l2Flaws.ts';
import type { L2TableSet } from '../image/l2TableSet.ts';
import type { L2Visitor } from '../image/l2Tables.ts';

/** Is told an L2 entry that leads to compressed data: whose it is, its guest cluster, its two words. */
export type CompressedEntry = (source: number, cluster: number, hi: number, lo: number) => void;

/** Tells of the L2 entries that lead to compressed data in the file. Others have a finding already. */
export class CompressedEntries implements L2Visitor {
  readonly #geometry: Geometry;
  readonly #tables: L2TableSet;
  readonly #tell: CompressedEntry;

  constructor(geometry: Geometry, tables: L2TableSet, tell: CompressedEntry) {
    this.#geometry = geometry;
    this.#tables = tables;
    this.#tell = tell;
  }

  absent(): boolean {
    return true;
  }

  lost(): boolean {
    return true;
  }

  entries(table: number, from: number, to: number, view: DataView, at: number): boolean {
    const { l2EntryBytes, l2Entries, clusterBits, fileSize } = this.#geometry;
    const first = (this.#tables.l1Indices[table] ?? 0) * l2Entries;
    const source = this.#tables.sources[table] ?? 0;
    for (let index = from; index < to; index++) {
      const entry = at + (index - from) * l2EntryBytes;
      const hi = view.getUint32(entry);
      const lo = view.getUint32(entry + 4);
      if (
        l2Kind(hi, lo, this.#geometry) === l2Kinds.compressed &&
        !compressedBeyond56(hi, clusterBits) &&
        l2Target(hi, lo, this.#geometry) < fileSize
      ) {
        this.#tell(source, first + index, hi, lo);
      }
    }
    return true;
  }
}
