import { Qcow2Error } from '../engine/error.ts';
import type { ByteRange } from '../engine/finding.ts';
import {
  type ExplainedEntry,
  explainL1,
  explainL2,
  explainRefcount,
  explainRefcountTable,
} from '../engine/image/explainEntry.ts';
import { asGuestOffset, asHostOffset, type Geometry, guestPlace, hostPlace } from '../engine/image/geometry.ts';
import type { Image } from '../engine/image/image.ts';
import { guestKindOf } from '../engine/image/kinds.ts';
import { type Layer, layerOf } from '../engine/image/layer.ts';
import { type Lookup, lookup } from '../engine/image/lookup.ts';
import { snapshotLayer } from '../engine/image/snapshotLayer.ts';
import type { EntryPlaceRequest, GuestPlace, PlaceApi } from '../protocol/placeApi.ts';
import { foundNames } from './foundNames.ts';
import { noTables } from './noTables.ts';
import type { Handlers } from './server.ts';

/** The methods on single places. */
export function placeMethods(image: Image): Pick<Handlers, keyof PlaceApi> {
  const layers = new Layers(image);
  return {
    explainGuest: async ({ guest, snapshot }) => explainGuest(image, await layers.layer(snapshot), guest),
    explainEntry: async (request) => explainEntry(image, layers, request),
    explainRefcount: async ({ host }) => {
      const geometry = geometryOf(image);
      if (host < 0n || host >= 2n ** 63n) {
        throw new Qcow2Error('bad-argument', `No file has a byte ${host}.`);
      }
      return explainRefcount(image, geometry, hostPlace(geometry, asHostOffset(host)).cluster);
    },
    findNames: async (request, { progress }) => foundNames(image, request, progress),
  };
}

/** The layers of an image. That of the snapshot that was asked for last stays in memory: at most 32 MiB. */
class Layers {
  readonly #image: Image;
  #last: { readonly snapshot: number; readonly layer: Promise<Layer> } | undefined;

  constructor(image: Image) {
    this.#image = image;
  }

  layer(snapshot: number | undefined): Promise<Layer> {
    if (snapshot === undefined) {
      return Promise.resolve(this.#image.layer ?? noTables());
    }
    if (this.#last?.snapshot !== snapshot) {
      this.#last = { snapshot, layer: snapshotLayer(this.#image, snapshot) };
    }
    return this.#last.layer;
  }
}

function geometryOf({ geometry }: Image): Geometry {
  return geometry ?? noTables();
}

async function explainEntry(image: Image, layers: Layers, request: EntryPlaceRequest): Promise<ExplainedEntry> {
  switch (request.table) {
    case 'l1':
      return explainL1(image, await layers.layer(request.snapshot), request.index);
    case 'l2':
      return explainL2(image, await layers.layer(request.snapshot), request.l1, request.index);
    case 'refcount-table':
      return explainRefcountTable(image, geometryOf(image), request.index);
  }
}

async function explainGuest(image: Image, layer: Layer, guest: bigint): Promise<GuestPlace> {
  const beyondDisk = guest >= layer.size;
  // What an L1 table maps past the end of the disk is the machine's state of a snapshot.
  const whole = beyondDisk ? layerOf(layer.geometry, layer.l1, 2n ** 63n, layer.snapshot) : layer;
  const found = await lookup(image, whole, asGuestOffset(guest));
  const { l1, l2, kind, host, subcluster, compressedBytes } = found;
  return {
    kind: guestKindOf(kind),
    unit: unitOf(whole, found),
    beyondDisk,
    ...(subcluster === undefined ? {} : { subcluster }),
    ...(host === undefined ? {} : { host }),
    ...(compressedBytes === undefined ? {} : { compressedBytes }),
    ...(l1 ? { l1: await explainL1(image, whole, l1.index) } : {}),
    ...(l1 && l2 ? { l2: await explainL2(image, whole, l1.index, l2.index) } : {}),
  };
}

/** The subcluster or cluster of an offset; compressed data is the whole cluster's. */
function unitOf({ geometry, size }: Layer, { guest, compressedBytes }: Lookup): ByteRange {
  const { clusterSize, unitSize } = geometry;
  const length = BigInt(compressedBytes === undefined ? unitSize : clusterSize);
  const { byte } = guestPlace(geometry, guest);
  const offset = guest - (BigInt(byte) % length);
  return { offset, length: offset + length > size && offset < size ? size - offset : length };
}
