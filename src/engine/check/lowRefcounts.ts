import { type Finding, finding } from '../finding.ts';
import { ClusterMarks, markRule } from '../image/clusterMarks.ts';
import type { Geometry } from '../image/geometry.ts';
import { type Owner, owners, type ReferenceVisitor } from '../image/reference.ts';
import { chainOf, guestOf, hex, hostOf } from './chains.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';
import { joined, NumberRows, wordsOf } from './numberRows.ts';

/** What was told of a cluster: nothing, or the finding. */
const tell = markRule([[0, 1]]);

/**
 * Clusters whose refcount is lower than their number of references. A walk finds out what uses them: a finding is of the
 * clusters of one reference, the first one to each.
 */
export class LowRefcounts implements ReferenceVisitor {
  readonly #set: FindingSet;
  readonly #rows: LowRows;
  /** First cluster, count, the refcount's words and the references; ascending. */
  readonly #runs = new NumberRows(5);
  readonly #told: ClusterMarks;

  constructor(geometry: Geometry, set: FindingSet) {
    this.#set = set;
    this.#rows = new LowRows(geometry);
    this.#told = new ClusterMarks(0, Number.MAX_SAFE_INTEGER);
  }

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** Adds a run of clusters, behind all others. */
  add(first: number, count: number, refcount: number | bigint, references: number): void {
    this.#runs.push([first, count, ...wordsOf(refcount), references]);
  }

  reference(owner: Owner, source: number, index: number, cluster: number, count: number): void {
    for (let at = this.#firstReaching(cluster); at < this.#runs.length; at++) {
      const [first = 0, clusters = 0] = this.#runs.row(at);
      if (first >= cluster + count) {
        return;
      }
      const from = Math.max(first, cluster);
      const to = Math.min(first + clusters, cluster + count);
      this.#tellRun(at, from, to, (part) => [owner, source, owner === owners.data ? index + part - cluster : index]);
    }
  }

  /** The walk has ended: tells of the clusters that it did not come to. */
  end(): void {
    for (let at = 0; at < this.#runs.length; at++) {
      const [first = 0, clusters = 0] = this.#runs.row(at);
      this.#tellRun(at, first, first + clusters, () => [0, 0, 0]);
    }
  }

  /** Tells of those clusters of a run that were not told of yet. `place`: owner, source and index of a cluster. */
  #tellRun(run: number, from: number, to: number, place: (cluster: number) => readonly number[]): void {
    const untold: [first: number, count: number][] = [];
    const end = Math.min(to, this.#told.to);
    if (from < end) {
      this.#told.eachRun(from, end, (mark, cluster, count) => {
        if (mark === 0) untold.push([cluster, count]);
      });
      this.#told.apply(tell, from, end - from);
    }
    const [, , hi = 0, lo = 0, references = 0] = this.#runs.row(run);
    for (const [cluster, count] of untold) {
      const row = [cluster, count, hi, lo, references, ...place(cluster)];
      for (const found of this.#rows.expand(Float64Array.from(row))) {
        this.#set.addRow(found, this.#rows, row);
      }
    }
  }

  /** The first run that ends behind a cluster. */
  #firstReaching(cluster: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [first = 0, count = 0] = this.#runs.row(middle);
      if (first + count > cluster) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}

class LowRows implements FindingRows {
  readonly width = 8;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand(row: Float64Array): readonly Finding[] {
    const [cluster = 0, clusters = 0, hi, lo, references = 0, owned = 0, source = 0, index = 0] = row;
    const host = hostOf(this.#geometry, cluster, clusters);
    const values = { cluster, clusters, start: hex(host.offset), refcount: joined(hi, lo), references };
    const owner = Object.values(owners).find((one) => one === owned);
    if (owner === undefined) {
      const chain = clusters === 1 ? `cluster ${cluster}` : `cluster ${cluster}…${cluster + clusters - 1}`;
      return [finding('refcount-too-low', chain, values, { host })];
    }
    const place = { owner, source, index, count: clusters };
    const guest = guestOf(this.#geometry, place);
    const chain = chainOf(this.#geometry, place);
    return [finding('refcount-too-low', chain, values, { host, ...(guest ? { guest } : {}) })];
  }
}
