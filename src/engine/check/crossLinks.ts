import { type Finding, type FindingCode, finding } from '../finding.ts';
import { FirstPlaces, windowClusters } from '../image/firstPlaces.ts';
import type { Geometry } from '../image/geometry.ts';
import type { HostMarks } from '../image/hostMarks.ts';
import {
  activeSource,
  type EntryPlace,
  type Flaw,
  type Owner,
  owners,
  type ReferenceVisitor,
} from '../image/reference.ts';
import { UnalignedEntry } from '../image/unalignedEntry.ts';
import { chainOf, guestOf, hex, hostOf } from './chains.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';

/** Where the windows start in which clusters were marked twice. */
export function windowsOf(marks: HostMarks): readonly number[] {
  const windows = new Set<number>();
  marks.eachAgain(marks.from, marks.to, (cluster, count) => {
    for (let at = Math.floor(cluster / windowClusters); at * windowClusters < cluster + count; at++) {
      windows.add(at * windowClusters);
    }
  });
  return [...windows];
}

/**
 * Clusters of data to which entries for different guest clusters lead, and L2 tables that have different places in L1
 * tables. No snapshot explains that: it has the same clusters at the same places. Looks at a window of the file in a walk.
 */
export class CrossLinks implements ReferenceVisitor {
  readonly #geometry: Geometry;
  readonly #marks: HostMarks;
  readonly #set: FindingSet;
  readonly #rows: SharedRows;
  readonly #firsts: FirstPlaces;
  readonly #unaligned: UnalignedEntry;
  /** What was found last, while the next cluster goes on with it. */
  #run: number[] = [];

  /** `from`: the first cluster of the window. */
  constructor(geometry: Geometry, marks: HostMarks, from: number, set: FindingSet) {
    this.#geometry = geometry;
    this.#marks = marks;
    this.#firsts = new FirstPlaces(from);
    this.#unaligned = new UnalignedEntry(geometry);
    this.#set = set;
    this.#rows = new SharedRows(geometry);
  }

  table(): void {
    this.#unaligned.table();
  }

  flaw(flaw: Flaw, place: EntryPlace): void {
    this.#unaligned.flaw(flaw, place);
  }

  reference(owner: Owner, source: number, index: number, cluster: number, count: number): void {
    if ((owner === owners.data && !this.#unaligned.is(index)) || owner === owners.l2Table) {
      const { from, to } = this.#firsts;
      this.#marks.eachAgain(Math.max(cluster, from), Math.min(cluster + count, to), (first, again) => {
        for (let at = first; at < first + again; at++) {
          const place = index + at - cluster;
          if (this.#firsts.differs(at, place, source)) {
            this.#add([owner, source, place, this.#firsts.sourceOf(at), this.#firsts.placeOf(at), at]);
          }
        }
      });
    }
  }

  /** The walk has ended. */
  end(): void {
    if (this.#run.length > 0) {
      for (const found of this.#rows.expand(Float64Array.from(this.#run))) {
        this.#set.addRow(found, this.#rows, this.#run);
        this.#hurtFirst(found.code, this.#run);
      }
      this.#run = [];
    }
  }

  /** Which of the two is wrong is not known: the one that came first is hurt too. */
  #hurtFirst(code: FindingCode, [owner, , , firstSource, first = 0, , count = 0]: readonly number[]): void {
    const of = owner === owners.data ? owners.data : owners.l2Table;
    const guest = guestOf(this.#geometry, { owner: of, source: activeSource, index: first, count });
    if (guest && firstSource === activeSource) {
      this.#set.impacts.addRange(code, guest);
    }
  }

  #add(
    one: readonly [owner: number, source: number, place: number, firstSource: number, first: number, at: number],
  ): void {
    const [owner, source, place, firstSource, first, cluster] = one;
    const count = this.#run[6] ?? 0;
    const next = [owner, source, place - count, firstSource, first - count, cluster - count];
    // A run stays in one table each.
    if (
      owner === owners.data &&
      count > 0 &&
      this.#rows.inOneTable(place, count) &&
      this.#rows.inOneTable(first, count)
    ) {
      if (next.every((value, index) => value === this.#run[index])) {
        this.#run[6] = count + 1;
        return;
      }
    }
    this.end();
    this.#run = [...one, 1];
  }
}

class SharedRows implements FindingRows {
  readonly width = 7;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  /** Whether a guest cluster and as many before it are of one L2 table. */
  inOneTable(place: number, before: number): boolean {
    return place % this.#geometry.l2Entries >= before;
  }

  expand(row: Float64Array): readonly Finding[] {
    const [owned = 0, source = 0, index = 0, firstSource = 0, first = 0, cluster = 0, count = 0] = row;
    const owner = owned === owners.data ? owners.data : owners.l2Table;
    const geometry = this.#geometry;
    const place = { owner, source, index, count };
    const host = hostOf(geometry, cluster, count);
    const chain = chainOf(geometry, place);
    const values = {
      clusters: count,
      start: hex(host.offset),
      second: chain,
      first: chainOf(geometry, { owner, source: firstSource, index: first, count }),
    };
    const guest = guestOf(geometry, place);
    const code = owner === owners.data ? 'cluster-shared' : 'l2-table-shared';
    return [finding(code, chain, values, { host, ...(guest ? { guest } : {}) })];
  }
}
