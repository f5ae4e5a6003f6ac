import { Qcow2Error } from '../engine/error.ts';
import type { ByteSource } from '../engine/image/byteRuns.ts';
import type { ChainLayer } from '../engine/image/chain.ts';
import { fileBytes } from '../engine/image/fileBytes.ts';
import { GuestData } from '../engine/image/guestData.ts';
import type { Image } from '../engine/image/image.ts';
import type { Layer } from '../engine/image/layer.ts';
import { snapshotLayer } from '../engine/image/snapshotLayer.ts';
import { codecs } from '../platform/codecs.ts';
import type { MapSpace } from '../protocol/mapApi.ts';
import { noTables } from './noTables.ts';

/** The files of the backing chain, from the image itself down, where the user allows them to be open. */
export type OpenedLayers = () => Promise<readonly ChainLayer[] | undefined>;

/** The spaces whose bytes can be read. The layer of the snapshot that was asked for last stays in memory. */
export class ByteSources {
  readonly #image: Image;
  readonly #layers: OpenedLayers;
  readonly #file: ByteSource;
  #snapshot: { readonly index: number; readonly layer: Promise<Layer> } | undefined;
  #guest:
    | { readonly layer: Layer; readonly chain: readonly ChainLayer[] | undefined; readonly data: GuestData }
    | undefined;

  constructor(image: Image, layers: OpenedLayers) {
    this.#image = image;
    this.#layers = layers;
    this.#file = fileBytes(image.storage);
  }

  /** The bytes of a space. */
  async source(space: MapSpace): Promise<ByteSource> {
    if (space.space === 'host') {
      return this.#file;
    }
    const layer = await this.#layer(space.snapshot);
    const chain = await this.#layers();
    if (this.#guest?.layer !== layer || this.#guest.chain !== chain) {
      this.#guest = { layer, chain, data: guestData(this.#image, layer, chain ?? []) };
    }
    return this.#guest.data;
  }

  #layer(snapshot: number | undefined): Promise<Layer> {
    if (snapshot === undefined) {
      return Promise.resolve(this.#image.layer ?? noTables());
    }
    if (this.#snapshot?.index !== snapshot) {
      const layer = snapshotLayer(this.#image, snapshot);
      this.#snapshot = { index: snapshot, layer };
      layer.catch(() => {
        this.#snapshot = undefined;
      });
    }
    return this.#snapshot.layer;
  }
}

/** The guest's bytes of a layer of the image, above what is open of its chain. */
function guestData(image: Image, layer: Layer, chain: readonly ChainLayer[]): GuestData {
  const backing = backingBytes(chain);
  const dataFile = chain[0]?.dataFile?.storage;
  return new GuestData(image, layer, { codecs, ...(backing ? { backing } : {}), ...(dataFile ? { dataFile } : {}) });
}

/** The guest's bytes of what an image is based on; undefined where it is based on nothing. Throws `damaged`. */
export function backingBytes(chain: readonly ChainLayer[]): ByteSource | undefined {
  let backing: ByteSource | undefined;
  for (const below of chain.slice(1).reverse()) {
    backing = sourceOf(below, backing);
  }
  return backing;
}

function sourceOf({ image, storage, dataFile }: ChainLayer, backing: ByteSource | undefined): ByteSource {
  if (!image) {
    return fileBytes(storage);
  }
  if (!image.layer) {
    throw new Qcow2Error('damaged', 'The header of a backing file does not say where its tables are. Close the chain.');
  }
  const ports = { codecs, ...(backing ? { backing } : {}), ...(dataFile ? { dataFile: dataFile.storage } : {}) };
  return new GuestData(image, image.layer, ports);
}
