import type { OverlapNames } from '../image/entryFindings.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Overlap } from '../image/hostMarks.ts';
import { activeSource, type Owner, ownerNames, owners, type ReferenceVisitor } from '../image/reference.ts';
import { chainOf, guestOf, type Reference } from './chains.ts';

/** Finds out in a walk who the two owners of clusters are that have two. */
export class OverlapOwners implements ReferenceVisitor {
  readonly #geometry: Geometry;
  /** In the order in which they lie in the file, and the last cluster of all up to each. */
  readonly #overlaps: readonly Overlap[];
  readonly #reach: readonly number[];
  /** The first reference of each owner to an overlap. */
  readonly #found = new Map<Overlap, Reference[]>();

  constructor(geometry: Geometry, overlaps: readonly Overlap[]) {
    this.#geometry = geometry;
    this.#overlaps = [...overlaps].sort((a, b) => a.cluster - b.cluster);
    let reach = 0;
    this.#reach = this.#overlaps.map(({ cluster, count }) => (reach = Math.max(reach, cluster + count)));
  }

  reference(owner: Owner, source: number, index: number, cluster: number, count: number): void {
    for (let at = this.#firstReaching(cluster); at < this.#overlaps.length; at++) {
      const overlap = this.#overlaps[at];
      if (!overlap || overlap.cluster >= cluster + count) {
        return;
      }
      const from = Math.max(cluster, overlap.cluster);
      const to = Math.min(cluster + count, overlap.cluster + overlap.count);
      if (from < to && (owner === overlap.owner || owner === overlap.by)) {
        const skipped = owner === owners.data ? from - cluster : 0;
        this.#keep(overlap, { owner, source, index: index + skipped, count: owner === owners.data ? to - from : 1 });
      }
    }
  }

  /** What is known of the owners of an overlap, after the walk. */
  names(overlap: Overlap): OverlapNames | undefined {
    const found = this.#found.get(overlap);
    if (!found) {
      return undefined;
    }
    const named = (owner: Owner, which: number): string => {
      const reference = found.filter((one) => one.owner === owner)[which];
      if (owner === owners.l1Table && reference?.source === activeSource) {
        return 'active L1 table';
      }
      return reference ? `${ownerNames[owner]} of ${chainOf(this.#geometry, reference)}` : ownerNames[owner];
    };
    const { owner, by } = overlap;
    const ofGuest =
      found.find((one) => isGuests(one.owner) && one.source === activeSource) ??
      found.find((one) => isGuests(one.owner));
    const guest = ofGuest && guestOf(this.#geometry, ofGuest);
    return {
      ...(ofGuest ? { chain: chainOf(this.#geometry, ofGuest) } : {}),
      first: isNamed(owner) ? named(owner, owner === by ? 1 : 0) : ownerNames[owner],
      second: isNamed(by) ? named(by, 0) : ownerNames[by],
      ...(guest ? { guest } : {}),
    };
  }

  /** At most two of each owner: one is enough to name it. */
  #keep(overlap: Overlap, reference: Reference): void {
    const found = this.#found.get(overlap) ?? [];
    this.#found.set(overlap, found);
    if (found.filter(({ owner }) => owner === reference.owner).length < 2) {
      found.push(reference);
    }
  }

  #firstReaching(cluster: number): number {
    let low = 0;
    let high = this.#reach.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#reach[middle] ?? 0) > cluster) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}

function isGuests(owner: Owner): boolean {
  return owner === owners.data || owner === owners.compressed || owner === owners.l2Table;
}

/** Whether there may be several of the kind, so that the way to it says more than its name. */
function isNamed(owner: Owner): boolean {
  return (
    isGuests(owner) ||
    owner === owners.refcountBlock ||
    owner === owners.bitmapTable ||
    owner === owners.bitmapData ||
    owner === owners.l1Table
  );
}
