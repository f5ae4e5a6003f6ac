import { type Codecs, noProgress, type Progress, type Storage } from '../ports.ts';
import {
  addRun,
  addStretch,
  type ByteRun,
  type ByteSource,
  mostStretches,
  natureOf,
  type Stretch,
} from './byteRuns.ts';
import { CompressedClusters } from './compressedCluster.ts';
import { walkExtents } from './extents.ts';
import { fileBytes } from './fileBytes.ts';
import { hostOffset } from './geometry.ts';
import type { Image } from './image.ts';
import { type ExtentKind, extentKinds } from './kinds.ts';
import { beyondL1, guestRange, type Layer } from './layer.ts';

/** What the guest's bytes are read by besides the tables. */
export interface GuestPorts {
  readonly codecs: Codecs;
  /** The guest's bytes of the backing file, where it was opened with the user's word. */
  readonly backing?: ByteSource;
  /** The external data file, where it was opened with the user's word. */
  readonly dataFile?: Storage;
}

/** An extent of guest bytes, cut to what was asked for. */
interface Piece {
  readonly from: bigint;
  readonly to: bigint;
  readonly kind: ExtentKind;
  /** Host offset in bytes of the first byte; 0 for kinds without. */
  readonly host: bigint;
}

/**
 * The bytes of a layer of the guest's disk, as the guest reads them: followed through the tables, compressed clusters
 * decompressed. Encrypted data stays as it is stored. Only the image's own file is read, and what `ports` has.
 */
export class GuestData implements ByteSource {
  readonly size: bigint;
  readonly #storage: Storage;
  readonly #layer: Layer;
  readonly #file: ByteSource;
  readonly #compressed: CompressedClusters;
  readonly #backing: ByteSource | undefined;
  readonly #backed: boolean;
  readonly #encrypted: boolean;
  /** Data is in a file that is not opened. */
  readonly #elsewhere: boolean;

  constructor(image: Pick<Image, 'storage' | 'header' | 'backing'>, layer: Layer, ports: GuestPorts) {
    const { codecs, backing, dataFile } = ports;
    this.size = layer.size;
    this.#storage = image.storage;
    this.#layer = layer;
    this.#file = fileBytes(dataFile ?? image.storage);
    this.#elsewhere = layer.geometry.dataFile && dataFile === undefined;
    this.#compressed = new CompressedClusters(image.storage, layer, codecs, image.header?.compression_type ?? 0);
    this.#backing = backing;
    this.#backed = image.backing !== undefined && image.backing.name !== '';
    this.#encrypted = (image.header?.crypt_method ?? 0) !== 0;
  }

  /** Clusters decompressed so far. */
  get decompressed(): number {
    return this.#compressed.decompressed;
  }

  async read(at: bigint, into: Uint8Array): Promise<ByteRun[]> {
    into.fill(0);
    const runs: ByteRun[] = [];
    for (const piece of await this.#pieces(at, at + BigInt(into.length), Number.POSITIVE_INFINITY, noProgress)) {
      const from = Number(piece.from - at);
      const bytes = into.subarray(from, Number(piece.to - at));
      for (const run of await this.#fill(piece, bytes)) {
        addRun(runs, { ...run, from: run.from + from, to: run.to + from });
      }
    }
    return runs;
  }

  async stretches(from: bigint, to: bigint, progress: Progress): Promise<Stretch[]> {
    const list: Stretch[] = [];
    for (const piece of await this.#pieces(from, to, mostStretches, progress)) {
      if (this.#backing && isUnallocated(piece.kind)) {
        await addBacking(list, this.#backing, piece, progress);
      } else {
        addStretch(list, { from: piece.from, to: piece.to, nature: this.#nature(piece.kind) });
      }
      if (list.length >= mostStretches) {
        break;
      }
    }
    return list;
  }

  /** The extents of a range, at most `most`; what the L1 table does not reach counts as one that is wrong. */
  async #pieces(from: bigint, to: bigint, most: number, progress: Progress): Promise<Piece[]> {
    const layer = this.#layer;
    const { geometry } = layer;
    const size = BigInt(geometry.clusterSize);
    const pieces: Piece[] = [];
    const add = (kind: ExtentKind, start: bigint, length: bigint, host: bigint): void => {
      const first = start > from ? start : from;
      const end = start + length < to ? start + length : to;
      if (first < end) {
        pieces.push({ from: first, to: end, kind, host: host + (first - start) });
      }
    };
    await walkExtents(
      { storage: this.#storage },
      layer,
      { from: Number(from / size), to: Number((to + size - 1n) / size) },
      (kind, start, count, hostCluster, hostByte) => {
        const { offset, length } = guestRange(layer, start, count);
        add(kind, offset, length, hostOffset(geometry, hostCluster, hostByte));
        return pieces.length < most;
      },
      progress,
    );
    const beyond = beyondL1(layer);
    if (beyond && pieces.length < most) {
      add(extentKinds.invalid, beyond.offset, beyond.length, 0n);
    }
    return pieces;
  }

  #nature(kind: ExtentKind): Stretch['nature'] {
    return kind === extentKinds.compressed ? 'stored' : natureOf(this.#plainKind(kind));
  }

  /** The kind of bytes that are not read through a codec. */
  #plainKind(kind: ExtentKind): ByteRun['kind'] {
    switch (kind) {
      case extentKinds.normal:
      case extentKinds.compressed:
        return this.#elsewhere ? 'data-file' : this.#encrypted ? 'encrypted' : 'data';
      case extentKinds.zeroPlain:
      case extentKinds.zeroAllocated:
        return 'zero';
      case extentKinds.unallocatedPlain:
      case extentKinds.unallocatedAllocated:
        return this.#backed ? 'backing' : 'unallocated';
      case extentKinds.invalid:
        return 'wrong';
      case extentKinds.unreadable:
        return 'unreadable';
    }
  }

  async #fill(piece: Piece, into: Uint8Array): Promise<ByteRun[]> {
    const { kind } = piece;
    if (kind === extentKinds.compressed) {
      return this.#fillCompressed(piece, into);
    }
    const is = this.#plainKind(kind);
    const all = { from: 0, to: into.length, kind: is };
    if (kind === extentKinds.normal) {
      return is === 'data-file' ? [{ ...all, host: piece.host }] : this.#fillStored(piece, is, into);
    }
    if (this.#backing && isUnallocated(kind)) {
      return fillFromBacking(this.#backing, piece, into);
    }
    return [kind === extentKinds.zeroAllocated ? { ...all, host: piece.host } : all];
  }

  /** Holes of the file are data here: the guest can't tell. */
  async #fillStored({ host }: Piece, kind: ByteRun['kind'], into: Uint8Array): Promise<ByteRun[]> {
    const runs = await this.#file.read(host, into);
    const joined: ByteRun[] = [];
    for (const run of runs) {
      addRun(joined, run.kind === 'unreadable' ? run : { ...run, kind, host: host + BigInt(run.from) });
    }
    return joined;
  }

  async #fillCompressed(piece: Piece, into: Uint8Array): Promise<ByteRun[]> {
    const size = BigInt(this.#layer.geometry.clusterSize);
    const runs: ByteRun[] = [];
    for (let at = piece.from; at < piece.to; ) {
      const cluster = at / size;
      const end = (cluster + 1n) * size < piece.to ? (cluster + 1n) * size : piece.to;
      const { bytes, host, why, unreadable } = await this.#compressed.cluster(Number(cluster));
      const from = Number(at - piece.from);
      const to = Number(end - piece.from);
      if (bytes) {
        into.set(bytes.subarray(Number(at % size), Number(at % size) + to - from), from);
      }
      addRun(runs, {
        from,
        to,
        kind: bytes ? 'compressed' : unreadable ? 'unreadable' : 'broken',
        ...(host === undefined ? {} : { host }),
        ...(why === undefined ? {} : { why }),
      });
      at = end;
    }
    return runs;
  }
}

function isUnallocated(kind: ExtentKind): boolean {
  return kind === extentKinds.unallocatedPlain || kind === extentKinds.unallocatedAllocated;
}

/** Past its end, a backing file reads as zeros. */
async function fillFromBacking(backing: ByteSource, { from, to }: Piece, into: Uint8Array): Promise<ByteRun[]> {
  const end = to < backing.size ? to : backing.size;
  const length = from < end ? Number(end - from) : 0;
  const runs: ByteRun[] = [];
  for (const { host: _, kind, ...run } of length > 0 ? await backing.read(from, into.subarray(0, length)) : []) {
    const nature = natureOf(kind);
    const above = nature === 'stored' ? 'backing-data' : nature === 'zeros' ? 'backing-zero' : kind;
    addRun(runs, { ...run, kind: above });
  }
  addRun(runs, { from: length, to: into.length, kind: 'backing-zero', why: 'past the end of the backing file' });
  return runs;
}

async function addBacking(
  list: Stretch[],
  backing: ByteSource,
  { from, to }: Piece,
  progress: Progress,
): Promise<void> {
  const end = to < backing.size ? to : backing.size;
  let at = from;
  while (at < end && list.length < mostStretches) {
    for (const stretch of await backing.stretches(at, end, progress)) {
      addStretch(list, stretch);
      at = stretch.to;
    }
  }
  if (at >= end) {
    addStretch(list, { from: end > from ? end : from, to, nature: 'zeros' });
  }
}
