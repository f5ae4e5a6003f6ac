import type { Geometry } from '../image/geometry.ts';
import { indexOfTable, type L2TableSet } from '../image/l2TableSet.ts';
import {
  activeSource,
  type EntryPlace,
  type Flaw,
  flaws,
  type Owner,
  owners,
  type ReferenceVisitor,
} from '../image/reference.ts';
import { type ClusterUse, UseCounter } from './clusterUse.ts';
import { copiedFlags, type ReferenceCounts } from './referenceCounts.ts';
import { leadsPastEnd } from './regions.ts';

/**
 * Counts what the entries of L2 tables refer to, in the order in which the tables lie in the file, each once. Tables in
 * which something is wrong are only marked: what QEMU says of them depends on the way that leads there.
 */
export class SoundTables implements ReferenceVisitor {
  /** Indices of the tables in which something may be wrong. */
  readonly flawed = new Set<number>();
  /** Indices of the tables with entries whose COPIED is not among what is counted. */
  readonly uncounted = new Set<number>();
  /** Indices of the tables that could not be read, if only in part. */
  readonly unreadable = new Set<number>();
  readonly #geometry: Geometry;
  readonly #tables: L2TableSet;
  readonly #counts: ReferenceCounts;
  readonly #use: Uint32Array;
  readonly #counter = new UseCounter();
  #table = -1;
  /** The guest cluster whose entry leads nowhere, and the one whose entry leads to parts of clusters. */
  #nowhere = -1;
  #partial = -1;

  constructor(geometry: Geometry, tables: L2TableSet, counts: ReferenceCounts) {
    this.#geometry = geometry;
    this.#tables = tables;
    this.#counts = counts;
    this.#use = new Uint32Array(tables.count * 3);
  }

  table(index: number): void {
    this.#endTable();
    this.#table = index;
    this.#nowhere = -1;
    this.#partial = -1;
    if (this.#geometry.dataFile) {
      this.flawed.add(index);
      this.uncounted.add(index);
    }
  }

  reference(
    owner: Owner,
    source: number,
    index: number,
    cluster: number,
    count: number,
    references: number,
    copied = false,
  ): void {
    const { clusterSize, fileClusters } = this.#geometry;
    if (index === this.#nowhere) {
      this.uncounted.add(this.#table);
      return;
    }
    if (owner === owners.compressed) {
      this.#counter.addCompressed();
      this.#counts.add(cluster, count, references, copiedFlags.none);
      return;
    }
    this.#counter.add(cluster * clusterSize, count, clusterSize);
    const inFile = index === this.#partial ? count : Math.min(count, fileClusters - cluster);
    if (inFile < count) {
      this.flawed.add(this.#table);
      this.uncounted.add(this.#table);
    }
    if (inFile > 0) {
      const flags = source !== activeSource ? copiedFlags.none : copied ? copiedFlags.copied : copiedFlags.notCopied;
      this.#counts.add(cluster, inFile, references, flags);
    }
  }

  flaw(flaw: Flaw, { table, entry, target, length, host }: EntryPlace): void {
    const { clusterSize, l2Entries, l2EntryBytes } = this.#geometry;
    if (flaw === flaws.unreadable) {
      this.unreadable.add(indexOfTable(this.#tables, Number(host) - entry * l2EntryBytes));
      return;
    }
    this.flawed.add(this.#table);
    const guest = table * l2Entries + entry;
    if (flaw === flaws.unaligned || flaw === flaws.pastEnd || flaw === flaws.compressedBeyond56) {
      const bytes = BigInt(length ?? clusterSize);
      this.#nowhere = leadsPastEnd(this.#geometry, target, bytes) ? guest : this.#nowhere;
      this.#partial = guest;
    }
  }

  /** How a sound table uses clusters. */
  useOf(table: number): ClusterUse {
    this.#endTable();
    const [allocated = 0, fragmented = 0, compressed = 0] = this.#use.subarray(table * 3, table * 3 + 3);
    return { allocated, fragmented, compressed };
  }

  #endTable(): void {
    const use = this.#counter.take();
    if (this.#table >= 0) {
      const before = this.#table * 3;
      this.#use[before] = (this.#use[before] ?? 0) + use.allocated;
      this.#use[before + 1] = (this.#use[before + 1] ?? 0) + use.fragmented;
      this.#use[before + 2] = (this.#use[before + 2] ?? 0) + use.compressed;
    }
    this.#table = -1;
  }
}
