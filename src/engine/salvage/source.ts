import { Qcow2Error } from '../error.ts';
import type { Chain, ChainLayer, ChainStop } from '../image/chain.ts';
import type { Image } from '../image/image.ts';
import { emptyL1, readL1 } from '../image/l1Table.ts';
import { type Layer, layerOf } from '../image/layer.ts';
import { snapshotLayer } from '../image/snapshotLayer.ts';
import { limits } from '../limits.ts';
import type { Codecs, Storage } from '../ports.ts';
import type { SalvageLayer } from './piece.ts';
import { Qcow2Layer } from './qcow2Layer.ts';
import { rawLayer } from './rawLayer.ts';

/** Which state of the disk is saved. */
export type SalvageChoice =
  | { readonly from: 'active' }
  /** `index`: in the snapshot table. */
  | { readonly from: 'snapshot'; readonly index: number }
  /** An L1 table anywhere in the file: `offset` in bytes, and how many entries it has. */
  | { readonly from: 'l1'; readonly offset: bigint; readonly entries: number };

/** A file that is not opened, and why. */
export interface Closed {
  readonly closed: string;
}

/** What is saved, with what it takes from other files. */
export interface SalvageSource {
  readonly choice: SalvageChoice;
  readonly codecs: Codecs;
  /** The image and what it is based on. */
  readonly chain: Chain;
  /** The external data file of an image of the chain. */
  readonly dataFileOf: (layer: ChainLayer) => Storage | Closed;
}

/**
 * The disk that is saved, above what is open of the chain. Throws `damaged` where the header does not say where the
 * tables are, `not-supported` for an encrypted image, `not-found`, and `bad-argument` for an L1 table that can't be.
 */
export async function salvageSource({ choice, codecs, chain, dataFileOf }: SalvageSource): Promise<SalvageLayer> {
  const top = chain.layers[0];
  if (!top?.image) {
    throw new Qcow2Error('damaged', 'There is no qcow2 image to save the disk of.');
  }
  const chosen = await chosenLayer(top.image, top.path, choice);
  let below: SalvageLayer | Closed | undefined;
  for (const layer of [...chain.layers].reverse()) {
    below ??= closedBelow(layer, chain.stops);
    const next = layer.depth === 0 ? chosen : layer.image?.layer;
    below = layerAbove(layer, next && followed(next), codecs, below, dataFileOf);
  }
  if (!below || 'closed' in below) {
    throw new Qcow2Error('not-supported', below?.closed ?? '');
  }
  return below;
}

/** The tables of the state that was chosen. */
async function chosenLayer(image: Image, path: string, choice: SalvageChoice): Promise<Layer> {
  const { geometry, layer, header, storage } = image;
  if (!geometry || !layer || !header) {
    throw new Qcow2Error(
      'damaged',
      `${path} has no header that says where its tables are, so that no disk can be found in it. Put back the first cluster, or one of a like image, then retry.`,
    );
  }
  switch (choice.from) {
    case 'active':
      return layer;
    case 'snapshot':
      return snapshotLayer(image, choice.index);
    case 'l1': {
      const { offset, entries } = choice;
      if (offset % BigInt(geometry.clusterSize) !== 0n || offset >= storage.size) {
        throw new Qcow2Error(
          'bad-argument',
          `There can be no L1 table at 0x${offset.toString(16)}: it starts at a cluster (${geometry.clusterSize} bytes) within the file (${storage.size} bytes).`,
        );
      }
      if (entries < 1 || entries > limits.l1TableBytes / 8) {
        throw new Qcow2Error(
          'bad-argument',
          `An L1 table has 1 to ${limits.l1TableBytes / 8} entries, not ${entries}.`,
        );
      }
      return layerOf(geometry, await readL1(storage, offset, entries), header.size);
    }
  }
}

/** QEMU follows no L1 table that is not at a cluster: what is read there is no table. */
function followed({ geometry, l1, size, snapshot }: Layer): Layer {
  const aligned = l1.offset % BigInt(geometry.clusterSize) === 0n;
  return layerOf(geometry, aligned ? l1 : { ...emptyL1, offset: l1.offset }, size, snapshot);
}

/** Why what the last image of the chain is based on is not in it; undefined where it is based on nothing. */
function closedBelow({ depth, image, path }: ChainLayer, stops: readonly ChainStop[]): Closed | undefined {
  const { header, backing } = image ?? {};
  if (!header || header.backing_file_offset === 0n || header.backing_file_size === 0) {
    return undefined;
  }
  if (!backing) {
    return { closed: `its name in ${path} can’t be read` };
  }
  const stop = stops.find((other) => other.depth === depth && other.role === 'backing');
  return { closed: stop ? stopText(stop) : `'${backing.name}'` };
}

function layerAbove(
  file: ChainLayer,
  layer: Layer | undefined,
  codecs: Codecs,
  below: SalvageLayer | Closed | undefined,
  dataFileOf: (layer: ChainLayer) => Storage | Closed,
): SalvageLayer | Closed {
  const { depth, path, storage, image, format } = file;
  if (!image && format === 'raw') {
    return rawLayer(storage, path, depth);
  }
  if (!image || !layer) {
    return { closed: `the header of ${path} does not say where its tables are` };
  }
  if ((image.header?.crypt_method ?? 0) !== 0) {
    return {
      closed: `${path} is encrypted. Saving the disk of an encrypted image is not there yet: what is stored would be saved as ciphertext.`,
    };
  }
  const dataFile = layer.geometry.dataFile ? dataFileOf(file) : undefined;
  return new Qcow2Layer({ image, layer, file: path, depth, codecs, below, dataFile });
}

/** Why a file that is named is not in the chain. */
export function stopText({ reason, name, format, error }: ChainStop): string {
  switch (reason) {
    case 'not-opened':
      return `'${name}'`;
    case 'refused-name':
    case 'failed':
      return error?.message ?? `'${name}'`;
    case 'loop':
      return `'${name}' is in the chain already`;
    case 'too-deep':
      return `the chain has more than ${limits.chainDepth} files`;
    case 'no-format':
      return `the image does not say what format '${name}' has`;
    case 'unknown-format':
      return `'${name}' has the format ${format ?? 'of another program'}, which is not read`;
  }
}
