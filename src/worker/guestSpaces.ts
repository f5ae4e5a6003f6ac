import type { Image } from '../engine/image/image.ts';
import type { Layer } from '../engine/image/layer.ts';
import { snapshotLayer } from '../engine/image/snapshotLayer.ts';
import { guestSpace } from './guestMap.ts';
import type { Space } from './mapSpace.ts';
import { noTables } from './noTables.ts';

/** A layer and its map. */
export interface MappedLayer {
  readonly layer: Layer;
  readonly space: Space;
}

/** The layers that are mapped: the active one, and of the snapshots the one that was asked for last. */
export class GuestSpaces {
  readonly #image: Image;
  readonly #backed: boolean;
  #active: MappedLayer | undefined;
  #snapshot: { readonly index: number; readonly mapped: Promise<MappedLayer> } | undefined;

  constructor(image: Image) {
    this.#image = image;
    this.#backed = (image.backing?.name ?? '') !== '';
  }

  /** The active layer, or the snapshot of an index; throws where the image has none that can be read. */
  async of(snapshot: number | undefined): Promise<MappedLayer> {
    if (snapshot === undefined) {
      this.#active ??= this.#map(this.#image.layer ?? noTables());
      return this.#active;
    }
    if (this.#snapshot?.index !== snapshot) {
      const mapped = snapshotLayer(this.#image, snapshot).then((layer) => this.#map(layer));
      this.#snapshot = { index: snapshot, mapped };
      mapped.catch(() => {
        this.#snapshot = undefined;
      });
    }
    return this.#snapshot.mapped;
  }

  #map(layer: Layer): MappedLayer {
    return { layer, space: guestSpace(this.#image, layer, this.#backed) };
  }
}
