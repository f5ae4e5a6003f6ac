import { Qcow2Error } from '../engine/error.ts';
import { type StatusLayer, statusFlags, walkBlockStatus } from '../engine/image/blockStatus.ts';
import { type Chain, type ChainLayer, closeChain, openChain } from '../engine/image/chain.ts';
import type { Image } from '../engine/image/image.ts';
import type { Layer } from '../engine/image/layer.ts';
import { detectPreallocation } from '../engine/image/preallocation.ts';
import type { Progress } from '../engine/ports.ts';
import type { GuestMapKind } from '../protocol/mapApi.ts';
import type { FileAccess } from './fileAccess.ts';

/**
 * Called for each run of the guest's disk, in order and without a gap; neighbours may be alike. Bytes. `depth` is the file
 * of the chain that tells of it, `host` the offset in that file where the bytes lie as the guest sees them, else -1 (so
 * for compressed ones). Returning false ends the walk.
 */
export type GuestVisitor = (start: number, length: number, kind: GuestMapKind, depth: number, host: number) => boolean;

/** An opened chain, with what a walk through it needs. */
export interface OpenedChain {
  readonly chain: Chain;
  /** Whether formats that no image names were guessed. */
  readonly guess: boolean;
  /** As far as it could be opened, from the image itself down. */
  readonly layers: readonly StatusLayer[];
}

/**
 * The files that one opened image is based on. Nothing is opened before the user has said so (`FileAccess`); an image
 * that is read anew opens what the user has allowed, as long as it names the same files.
 */
export class Backing {
  readonly image: Image;
  readonly access: FileAccess;
  readonly #names: string;
  #opened: Promise<OpenedChain> | undefined;
  #closed = false;

  constructor(image: Image, access: FileAccess) {
    this.image = image;
    this.access = access;
    this.#names = JSON.stringify([image.backing?.name, image.backing?.format, image.dataFile?.name]);
  }

  /** The chain, where the user allows it to be open. */
  async opened(): Promise<OpenedChain | undefined> {
    const consent = this.#closed ? undefined : this.access.consentTo(this.#names);
    if (consent === undefined) {
      await this.#release();
      return undefined;
    }
    this.#opened ??= openFiles(this.image, this.access, consent.guess);
    return this.#opened;
  }

  /** Opens the chain by the user's word. Throws `not-allowed` where the workspace is not trusted. */
  async open(guess: boolean): Promise<void> {
    this.access.allow({ names: this.#names, guess });
    await this.#release();
    await this.opened();
  }

  /** Closes the chain; it stays closed. */
  async forbid(): Promise<void> {
    this.access.forbid();
    await this.#release();
  }

  /** Gives all files back, since the image is no longer used. What the user has said stays. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#release();
  }

  /**
   * Walks the guest's disk as `layer` of the image has it, through the chain. Returns false where the chain is not open:
   * nothing is visited then.
   *
   * @param from - guest offset in bytes, below 2^53 or a multiple of 512; likewise `to`, at most the disk's whole sectors
   */
  async walk(layer: Layer, from: number, to: number, visit: GuestVisitor, progress: Progress): Promise<boolean> {
    const opened = await this.opened();
    const [top, ...below] = opened?.layers ?? [];
    if (top === undefined) {
      return false;
    }
    const layers = [{ ...top, size: wholeSectors(layer.size + 511n), image: { ...this.image, layer } }, ...below];
    // What the L1 table does not reach can't be read: QEMU refuses such an image.
    const reach = Math.min(to, layer.clusters * layer.geometry.clusterSize);
    let wanted = true;
    await walkBlockStatus(
      layers,
      from,
      reach,
      (start, length, flags, depth, host) => {
        const place = (flags & statusFlags.offset) === 0 ? -1 : host;
        wanted = visit(start, length, kindOf(layers, start, flags, depth), depth, place);
        return wanted;
      },
      { progress, tolerant: true },
    );
    const beyond = Math.max(from, reach);
    if (wanted && beyond < to) {
      visit(beyond, to - beyond, 'wrong', 0, -1);
    }
    return true;
  }

  async #release(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) {
      await closeChain((await opened).chain);
    }
  }
}

/** The kind in the map of the guest's disk, by what the chain tells. */
function kindOf(layers: readonly StatusLayer[], start: number, flags: number, depth: number): GuestMapKind {
  const { present, zero, data, offset, failed } = statusFlags;
  if ((flags & failed) !== 0) {
    return 'wrong';
  }
  if (depth === 0 && (flags & present) !== 0) {
    const placed = (flags & offset) !== 0;
    return (flags & data) !== 0 ? (placed ? 'data' : 'compressed') : placed ? 'zero-allocated' : 'zero-plain';
  }
  if ((flags & zero) !== 0) {
    const below = layers[depth + 1];
    const past = (flags & present) === 0 && below !== undefined && start >= below.size;
    return past ? 'backing-beyond-end' : depth === 0 ? 'unallocated' : 'backing-zero';
  }
  return (flags & data) !== 0 ? 'backing-data' : 'backing';
}

async function openFiles(image: Image, access: FileAccess, guess: boolean): Promise<OpenedChain> {
  const chain = await openChain(image, access.path, access.gate, { probe: guess, dataFiles: true });
  const layers: StatusLayer[] = [];
  for (const layer of chain.layers) {
    layers.push(await statusLayer(layer));
  }
  return { chain, guess, layers };
}

async function statusLayer({ depth, storage, image, dataFile }: ChainLayer): Promise<StatusLayer> {
  return image === undefined
    ? { size: wholeSectors(storage.size + 511n), data: storage, backed: false, lookForHoles: false }
    : {
        size: wholeSectors(image.header?.size ?? 0n),
        image,
        data: dataFile?.storage ?? storage,
        backed: (image.backing?.name ?? '') !== '',
        // What the image itself has is not asked from here.
        lookForHoles: depth > 0 && (await looksPreallocated(image)),
      };
}

/** As QEMU finds out; an image whose refcounts can't be read has none to go by. */
async function looksPreallocated(image: Image): Promise<boolean> {
  try {
    return (await detectPreallocation(image)).likely;
  } catch (error) {
    if (error instanceof Qcow2Error) {
      return false;
    }
    throw error;
  }
}

/** Bytes in whole sectors of 512, as QEMU counts a disk's size. */
function wholeSectors(bytes: bigint): number {
  return Number(bytes - (bytes % 512n));
}
