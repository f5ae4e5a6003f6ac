import { CompressedClusters } from '../image/compressedCluster.ts';
import type { Image } from '../image/image.ts';
import { walkL2Tables } from '../image/l2Tables.ts';
import type { Layer } from '../image/layer.ts';
import type { Codecs, Progress, Storage } from '../ports.ts';
import { l1Reasons, type Missing } from './missing.ts';
import { type Decompressed, mostPieces, type Piece, type SalvageLayer } from './piece.ts';
import { TableReader, type Told } from './tableReader.ts';

/** What there is of a qcow2 image in a chain. */
export interface Qcow2Parts {
  readonly image: Image;
  /** The state of the disk that is saved: the active layer, a snapshot, or one with an L1 table of the user's choice. */
  readonly layer: Layer;
  readonly file: string;
  readonly depth: number;
  readonly codecs: Codecs;
  /** What the image is based on; why it is not opened, where it is not; undefined where it is based on nothing. */
  readonly below?: SalvageLayer | { readonly closed: string } | undefined;
  /** The external data file, or why it is not opened; undefined where there is none. */
  readonly dataFile?: Storage | { readonly closed: string } | undefined;
}

/** A qcow2 image of a chain, however broken its tables are. Not for encrypted ones. */
export class Qcow2Layer implements SalvageLayer {
  readonly depth: number;
  readonly file: string;
  readonly size: number;
  readonly data: Storage;
  readonly clusterSize: number;
  readonly #storage: Storage;
  readonly #layer: Layer;
  readonly #compressed: CompressedClusters;
  readonly #below: Qcow2Parts['below'];
  /** Why the data file is not opened. */
  readonly #dataClosed: string | undefined;

  constructor({ image, layer, file, depth, codecs, below, dataFile }: Qcow2Parts) {
    const { header, storage } = image;
    this.depth = depth;
    this.file = file;
    this.size = Number(layer.size);
    this.clusterSize = layer.geometry.clusterSize;
    this.#storage = storage;
    this.#layer = layer;
    this.#below = below;
    const closed = dataFile !== undefined && 'closed' in dataFile;
    this.#dataClosed = closed ? dataFile.closed : undefined;
    this.data = dataFile === undefined || closed ? storage : dataFile;
    this.#compressed = new CompressedClusters(storage, layer, codecs, header?.compression_type ?? 0);
  }

  async pieces(from: number, to: number, progress: Progress): Promise<Piece[]> {
    const pieces: Piece[] = [];
    const below = this.#below !== undefined && 'pieces' in this.#below ? this.#below : undefined;
    for (const told of await this.#told(from, to, progress)) {
      if (told.kind === 'unallocated' && below) {
        if (!(await addBelow(pieces, below, told.from, told.to, progress))) {
          break;
        }
      } else {
        this.#add(pieces, told);
      }
      if (pieces.length >= mostPieces) {
        break;
      }
    }
    return pieces;
  }

  async decompress(at: number): Promise<Decompressed> {
    const { bytes, host, why, unreadable } = await this.#compressed.cluster(at / this.clusterSize);
    if (bytes) {
      return { bytes };
    }
    const pastEnd = host !== undefined && host >= this.#storage.size;
    const reason = pastEnd ? 'compressed-past-end' : unreadable ? 'compressed-unreadable' : 'compressed-broken';
    return { missing: { reason, ...(host === undefined ? {} : { host }), detail: pastEnd ? undefined : why } };
  }

  place(from: number, to: number, { reason, host }: Missing): string {
    const { l2Entries } = this.#layer.geometry;
    const first = Math.floor(from / this.clusterSize);
    const last = Math.ceil(to / this.clusterSize) - 1;
    const l1 = named('L1', Math.floor(first / l2Entries), Math.floor(last / l2Entries));
    const steps =
      l1Reasons.has(reason) ||
      reason === 'l2-table-past-end' ||
      Math.floor(first / l2Entries) !== Math.floor(last / l2Entries)
        ? [l1]
        : [l1, named('L2', first % l2Entries, last % l2Entries)];
    return [...steps, ...(host === undefined ? [] : [`0x${host.toString(16)}`])].join(' -> ');
  }

  async #told(from: number, to: number, progress: Progress): Promise<readonly Told[]> {
    const layer = this.#layer;
    const { clusterSize, geometry } = { clusterSize: this.clusterSize, geometry: layer.geometry };
    const reach = layer.clusters * clusterSize;
    const reader = new TableReader(layer, from, to, mostPieces);
    if (from < reach) {
      const range = { from: Math.floor(from / clusterSize), to: Math.min(layer.clusters, Math.ceil(to / clusterSize)) };
      await walkL2Tables(this.#storage, geometry, layer.l1, range, reader, progress);
    }
    const { told } = reader;
    const end = told.at(-1)?.to ?? from;
    return end >= reach && end < to ? [...told, { from: end, to, kind: 'missing', why: this.#beyond() }] : told;
  }

  /** Why there is no L1 entry. */
  #beyond(): Missing {
    const { offset } = this.#layer.l1;
    return offset % BigInt(this.clusterSize) === 0n
      ? { reason: 'l1-table-too-small' }
      : { reason: 'l1-table-unaligned', host: offset };
  }

  /** Adds what the tables of this image tell; what lies past the end of its file is missing. */
  #add(pieces: Piece[], told: Told): void {
    const { from, to } = told;
    const missing = (start: number, why: Missing): void => {
      pieces.push({ from: start, to, kind: 'missing', layer: this, why });
    };
    switch (told.kind) {
      case 'zero':
        pieces.push({ from, to, kind: 'zero' });
        break;
      case 'compressed':
        pieces.push({ from, to, kind: 'compressed', layer: this });
        break;
      case 'missing':
        missing(from, told.why);
        break;
      case 'unallocated':
        if (this.#below !== undefined && 'closed' in this.#below) {
          missing(from, { reason: 'backing-not-opened', detail: this.#below.closed });
        } else {
          pieces.push({ from, to, kind: 'zero' });
        }
        break;
      case 'stored':
        if (this.#dataClosed !== undefined) {
          missing(from, { reason: 'data-file-not-opened', host: told.host, detail: this.#dataClosed });
          break;
        }
        this.#addStored(pieces, from, to, told.host, missing);
    }
  }

  #addStored(
    pieces: Piece[],
    from: number,
    to: number,
    host: bigint,
    missing: (start: number, why: Missing) => void,
  ): void {
    const inFile = this.data.size - host;
    const end = inFile >= BigInt(to - from) ? to : inFile > 0n ? from + Number(inFile) : from;
    if (end > from) {
      pieces.push({ from, to: end, kind: 'stored', layer: this, host });
    }
    if (end < to) {
      missing(end, { reason: 'data-past-end', host: host + BigInt(end - from) });
    }
  }
}

/** Adds the pieces of the layer below; past its end there are zeros. Returns false where it stopped on the way. */
async function addBelow(
  pieces: Piece[],
  below: SalvageLayer,
  from: number,
  to: number,
  progress: Progress,
): Promise<boolean> {
  const end = Math.min(to, below.size);
  let at = from;
  while (at < end) {
    if (pieces.length >= mostPieces) {
      return false;
    }
    for (const piece of await below.pieces(at, end, progress)) {
      pieces.push(piece);
      at = piece.to;
    }
  }
  if (at < to) {
    pieces.push({ from: at, to, kind: 'zero' });
  }
  return true;
}

function named(table: string, first: number, last: number): string {
  return first === last ? `${table}[${first}]` : `${table}[${first}…${last}]`;
}
