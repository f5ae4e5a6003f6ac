import type { L2TableSet } from './l2TableSet.ts';
import { type Owner, owners, type ReferenceVisitor } from './reference.ts';

/** Summaries at most: about 4 MiB. Where there are more tables, several that are next to each other have one together. */
const mostSummaries = 2 ** 18;

/** Where the entries of each L2 table of a set lead, from the lowest host cluster to the highest. */
export class L2Summaries {
  readonly tables: L2TableSet;
  /** Tables that have one summary together: a power of two. */
  readonly together: number;
  /** The lowest host cluster; infinite where nothing is referred to. */
  readonly #lowest: Float64Array;
  /** The cluster after the highest one; 0 where nothing is referred to. */
  readonly #end: Float64Array;
  /** 1 where the entries do not lead to one cluster after the other, without a gap. */
  readonly #scattered: Uint8Array;

  constructor(tables: L2TableSet) {
    this.tables = tables;
    let together = 1;
    while (tables.count / together > mostSummaries) {
      together *= 2;
    }
    this.together = together;
    const count = Math.ceil(tables.count / together);
    this.#lowest = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    this.#end = new Float64Array(count);
    this.#scattered = new Uint8Array(count);
  }

  /** A visitor that fills the summaries from a walk over the set. */
  visitor(): Required<Pick<ReferenceVisitor, 'table' | 'reference'>> {
    let at = 0;
    return {
      table: (index) => {
        at = Math.floor(index / this.together);
      },
      reference: (owner: Owner, _source, _index, cluster, count) => {
        if (owner === owners.data || owner === owners.compressed) {
          const before = this.#end[at] ?? 0;
          this.#scattered[at] = this.#scattered[at] === 1 || (before !== 0 && before !== cluster) ? 1 : 0;
          this.#lowest[at] = Math.min(this.#lowest[at] ?? cluster, cluster);
          this.#end[at] = Math.max(before, cluster + count);
        }
      },
    };
  }

  /** Whether entries of a table of the set may lead to a host cluster from `from` to before `to`. */
  mayReach(table: number, from: number, to: number): boolean {
    const at = Math.floor(table / this.together);
    return (this.#lowest[at] ?? 0) < to && (this.#end[at] ?? 0) > from;
  }

  /**
   * The host clusters between which the entries of a table lead; undefined where they lead nowhere. `exact`: they lead
   * to all of these clusters, and no other table has the same summary.
   */
  reach(table: number): { readonly from: number; readonly to: number; readonly exact: boolean } | undefined {
    const at = Math.floor(table / this.together);
    const to = this.#end[at] ?? 0;
    const exact = this.together === 1 && this.#scattered[at] === 0;
    return to === 0 ? undefined : { from: this.#lowest[at] ?? 0, to, exact };
  }

  /** The tables of the set whose entries may lead there. */
  reaching(from: number, to: number): number[] {
    const found: number[] = [];
    for (let table = 0; table < this.tables.count; table++) {
      if (this.mayReach(table, from, to)) {
        found.push(table);
      }
    }
    return found;
  }
}
