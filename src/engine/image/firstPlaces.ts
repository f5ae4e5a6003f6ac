/** Clusters of a page, and of those that are looked at in one walk. */
const pageClusters = 2 ** 12;
export const windowClusters = 2 ** 24;

/** No place. */
const none = -1;

/**
 * By host cluster: the place (guest cluster of data, L1 index of a table) whose entry came first in a walk, and the source of
 * that entry. For one window of the file, in pages.
 */
export class FirstPlaces {
  /** The first cluster of the window, and the one after it. */
  readonly from: number;
  readonly to: number;
  readonly #pages = new Map<number, { readonly places: Float64Array; readonly sources: Int32Array }>();

  constructor(from: number) {
    this.from = from;
    this.to = from + windowClusters;
  }

  /** Whether another place came before for a cluster of the window; the first one is remembered. */
  differs(cluster: number, place: number, source: number): boolean {
    const index = Math.floor(cluster / pageClusters);
    const page = this.#pages.get(index) ?? {
      places: new Float64Array(pageClusters).fill(none),
      sources: new Int32Array(pageClusters),
    };
    this.#pages.set(index, page);
    const at = cluster % pageClusters;
    const first = page.places[at] ?? none;
    if (first === none) {
      page.places[at] = place;
      page.sources[at] = source;
    }
    return first !== none && first !== place;
  }

  /** The place that came first; -1 where none did. */
  placeOf(cluster: number): number {
    return this.#pages.get(Math.floor(cluster / pageClusters))?.places[cluster % pageClusters] ?? none;
  }

  /** Its source. */
  sourceOf(cluster: number): number {
    return this.#pages.get(Math.floor(cluster / pageClusters))?.sources[cluster % pageClusters] ?? 0;
  }
}
