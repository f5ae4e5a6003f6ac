import { Clusters } from '../change/clusters.ts';
import type { Draft } from '../change/draft.ts';
import { requireChangeable } from '../change/refusals.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import type { Progress } from '../ports.ts';

/** An image whose disk gets another size, as the parts of the plan work on it. */
export interface ResizePlan {
  readonly image: Image;
  readonly geometry: Geometry;
  readonly draft: Draft;
  readonly clusters: TakenClusters;
  readonly progress: Progress;
}

/**
 * The clusters of an image, of which many a resize takes none and gives none back: the refcount table is read, and it is
 * looked at whether the refcounts can be relied on, when the first is wanted.
 */
export class TakenClusters {
  readonly #image: Image;
  readonly #draft: Draft;
  readonly #progress: Progress;
  #clusters: Promise<Clusters> | undefined;

  constructor(image: Image, draft: Draft, progress: Progress) {
    this.#image = image;
    this.#draft = draft;
    this.#progress = progress;
  }

  /** Throws `refused` where an image must not be changed so, `damaged` where the refcount table can't be followed. */
  get(): Promise<Clusters> {
    this.#clusters ??= this.#open();
    return this.#clusters;
  }

  /** As `Clusters.settle`. */
  async settle(): Promise<void> {
    await (await this.#clusters)?.settle();
  }

  async #open(): Promise<Clusters> {
    requireChangeable(this.#image, { clusters: true });
    return Clusters.of(this.#image, this.#draft, this.#progress);
  }
}
