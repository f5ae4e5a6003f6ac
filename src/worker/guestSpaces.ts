import type { Image } from '../engine/image/image.ts';
import type { Layer } from '../engine/image/layer.ts';
import { snapshotLayer } from '../engine/image/snapshotLayer.ts';
import { backedSpace } from './backedSpace.ts';
import type { Backing, OpenedChain } from './backing.ts';
import { guestSpace } from './guestMap.ts';
import type { MapBins } from './mapBins.ts';
import { sharedBins } from './mapOverlay.ts';
import type { Space } from './mapSpace.ts';
import { noTables } from './noTables.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/** A layer and its map. */
export interface MappedLayer {
  readonly layer: Layer;
  readonly space: Space;
  /** The clusters that it shares with other layers: bins of the size of the map's. */
  readonly shared: SharedRun<MapBins>;
}

/** The layers that are mapped: the active one, and of the snapshots the one that was asked for last. */
export class GuestSpaces {
  readonly #image: Image;
  readonly #backed: boolean;
  readonly #backing: Backing | undefined;
  #opened: OpenedChain | undefined;
  #active: MappedLayer | undefined;
  #snapshot: { readonly index: number; readonly mapped: Promise<MappedLayer> } | undefined;

  /** `backing`: the files below the image, where they may be opened. */
  constructor(image: Image, backing?: Backing) {
    this.#image = image;
    this.#backing = backing;
    this.#backed = (image.backing?.name ?? '') !== '';
  }

  /** The active layer, or the snapshot of an index; throws where the image has none that can be read. */
  async of(snapshot: number | undefined): Promise<MappedLayer> {
    await this.#followChain();
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

  /** A chain that was opened or closed makes other maps. */
  async #followChain(): Promise<void> {
    const opened = this.#backed ? await this.#backing?.opened() : undefined;
    if (opened !== this.#opened) {
      this.#opened = opened;
      this.#active = undefined;
      this.#snapshot = undefined;
    }
  }

  #map(layer: Layer): MappedLayer {
    const own = guestSpace(this.#image, layer, this.#backed);
    const space = this.#backing && this.#opened ? backedSpace(own, layer, this.#backing) : own;
    const shared = sharedRun((progress) =>
      sharedBins(this.#image, layer, { from: 0, to: space.clusters }, space.binClusters, { progress }),
    );
    return { layer, space, shared };
  }
}
