import { walkL2References } from '../../image/l2References.ts';
import { owners } from '../../image/reference.ts';
import type { Progress } from '../../ports.ts';
import type { Survey } from './survey.ts';

/** Clusters of a page of guest clusters, and of those that are looked at in one walk. */
const pageClusters = 2 ** 12;
const windowClusters = 2 ** 24;

/** No guest cluster. */
const none = -1;

/**
 * Host clusters of data to which entries for different guest clusters lead: no snapshot explains that, since a snapshot has
 * the same guest cluster there. By host cluster: the guest cluster of the first entry in the file's order, which keeps it.
 */
export async function findCrossLinks(
  { image, geometry, tables, again }: Survey,
  progress: Progress,
): Promise<Map<number, number>> {
  const keepers = new Map<number, number>();
  if (!tables) {
    return keepers;
  }
  for (let from = again.next(0); from !== undefined; from = again.next(from + windowClusters)) {
    const firsts = new FirstGuests(from);
    const reference = (owner: number, _source: number, index: number, cluster: number, count: number): void => {
      for (let at = 0; owner === owners.data && at < count; at++) {
        if (again.has(cluster + at) && firsts.differs(cluster + at, index + at)) {
          keepers.set(cluster + at, firsts.of(cluster + at));
        }
      }
    };
    await walkL2References(image.storage, geometry, tables, { reference }, progress);
  }
  return keepers;
}

/** By host cluster: the guest cluster that came first, in pages, for one window of the file. */
class FirstGuests {
  readonly #from: number;
  readonly #pages = new Map<number, Float64Array>();

  constructor(from: number) {
    this.#from = from;
  }

  /** Whether another guest cluster came before; the first one is remembered. */
  differs(cluster: number, guest: number): boolean {
    if (cluster < this.#from || cluster >= this.#from + windowClusters) {
      return false;
    }
    const index = Math.floor(cluster / pageClusters);
    const page = this.#pages.get(index) ?? new Float64Array(pageClusters).fill(none);
    this.#pages.set(index, page);
    const first = page[cluster % pageClusters] ?? none;
    if (first === none) {
      page[cluster % pageClusters] = guest;
    }
    return first !== none && first !== guest;
  }

  /** The guest cluster that came first. */
  of(cluster: number): number {
    return this.#pages.get(Math.floor(cluster / pageClusters))?.[cluster % pageClusters] ?? none;
  }
}
