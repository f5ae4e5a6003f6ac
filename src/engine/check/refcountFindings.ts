import { type Finding, finding } from '../finding.ts';
import { type Geometry, guestOffset } from '../image/geometry.ts';
import { hex, hostOf } from './chains.ts';
import type { CheckVisitor } from './check.ts';
import type { Miscopied } from './copied.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';
import type { LowRefcounts } from './lowRefcounts.ts';
import { joined, NumberRows, wordsOf } from './numberRows.ts';

/** Makes findings of what a check tells: clusters in a row with the same numbers are one. */
export class RefcountFindings implements CheckVisitor {
  readonly #set: FindingSet;
  readonly #runs: RunRows;
  readonly #copied: CopiedRows;
  readonly #overflows: OverflowRows;
  readonly #low: LowRefcounts;
  /** The runs of clusters to which nothing leads: first cluster and count, ascending. */
  readonly leaks = new NumberRows(2);
  #run = { first: 0, count: 0, refcount: 0 as number | bigint, references: 0 };
  #overflowed = -1;
  /** The cluster before which refcounts were compared. */
  comparedEnd = 0;

  /** `low` gets the refcounts that are too low: who uses the clusters is found out later. */
  constructor(geometry: Geometry, set: FindingSet, low: LowRefcounts) {
    this.#low = low;
    this.#set = set;
    this.#runs = new RunRows(geometry);
    this.#copied = new CopiedRows(geometry);
    this.#overflows = new OverflowRows(geometry);
  }

  /** The findings say what QEMU's messages do. */
  readonly say = (): void => undefined;

  readonly mismatch = (cluster: number, refcount: number | bigint, references: number): void => {
    const run = this.#run;
    if (cluster === run.first + run.count && refcount === run.refcount && references === run.references) {
      run.count++;
      return;
    }
    this.end();
    this.#run = { first: cluster, count: 1, refcount, references };
  };

  readonly overflow = (cluster: number): void => {
    // QEMU tells of each reference that is too many.
    if (cluster !== this.#overflowed) {
      this.#overflowed = cluster;
      this.#keep(this.#overflows, [cluster]);
    }
  };

  readonly miscopied = (wrong: Miscopied): void => {
    // COPIED comes after the refcounts.
    this.end();
    const { l1Index, l2Index, host, target, entry, refcount } = wrong;
    this.#keep(this.#copied, [l1Index, l2Index, host, target, ...wordsOf(entry), ...wordsOf(refcount)]);
  };

  readonly compared = (end: number): void => {
    this.comparedEnd = end;
  };

  /** The check has ended. */
  end(): void {
    const { first, count, refcount, references } = this.#run;
    if (count > 0 && refcount < references) {
      this.#low.add(first, count, refcount, references);
    } else if (count > 0) {
      if (references === 0) {
        this.leaks.push([first, count]);
      }
      this.#keep(this.#runs, [first, count, ...wordsOf(refcount), references]);
    }
    this.#run.count = 0;
  }

  #keep(kind: FindingRows, row: readonly number[]): void {
    for (const found of kind.expand(Float64Array.from(row))) {
      this.#set.addRow(found, kind, row);
    }
  }
}

/** Runs of clusters whose refcount is higher than their number of references. */
class RunRows implements FindingRows {
  readonly width = 5;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand([first = 0, clusters = 0, hi, lo, references = 0]: Float64Array): readonly Finding[] {
    const refcount = joined(hi, lo);
    const host = hostOf(this.#geometry, first, clusters);
    const chain = clusters === 1 ? `cluster ${first}` : `cluster ${first}…${first + clusters - 1}`;
    const values = { cluster: first, clusters, start: hex(host.offset), refcount, references };
    return [finding('cluster-leaked', chain, values, { host })];
  }
}

class OverflowRows implements FindingRows {
  readonly width = 1;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand([cluster = 0]: Float64Array): readonly Finding[] {
    const host = hostOf(this.#geometry, cluster, 1);
    return [finding('refcount-overflow', `cluster ${cluster}`, { start: hex(host.offset) }, { host })];
  }
}

class CopiedRows implements FindingRows {
  readonly width = 8;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand([l1Index = 0, l2Index = 0, host = 0, target = 0, hi, lo, countHi, countLo]: Float64Array): readonly Finding[] {
    const { l2Entries, l2EntryBytes, clusterSize } = this.#geometry;
    const entry = joined(hi, lo);
    const refcount = joined(countHi, countLo);
    const ofL1 = l2Index < 0;
    const message = ofL1
      ? `L2 cluster: l1_index=${l1Index} l1_entry=${entry.toString(16)} refcount=${refcount}`
      : `data cluster: l2_entry=${entry.toString(16)} refcount=${refcount}`;
    const values = { message, start: hex(BigInt(target)), copied: entry >> 63n === 1n ? 'set' : 'clear', refcount };
    const offset = guestOffset(this.#geometry, l1Index * l2Entries + Math.max(0, l2Index));
    const guest = { offset, length: BigInt(ofL1 ? l2Entries : 1) * BigInt(clusterSize) };
    const chain = `L1[${l1Index}]${ofL1 ? '' : ` -> L2[${l2Index}]`}`;
    const place = { offset: BigInt(host), length: BigInt(ofL1 ? 8 : l2EntryBytes) };
    return [finding('copied-wrong', chain, values, { host: place, guest })];
  }
}
