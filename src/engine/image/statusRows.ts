import type { Progress, Storage } from '../ports.ts';
import { walkExtents } from './extents.ts';
import { Holes } from './holes.ts';
import type { Image } from './image.ts';
import { type ExtentKind, extentKinds } from './kinds.ts';

/** What is known of a range of the guest's disk: QEMU's BDRV_BLOCK flags, as bits. */
export const statusFlags = {
  /** BDRV_BLOCK_ALLOCATED: a file of the chain says what is there. */
  present: 1,
  /** BDRV_BLOCK_ZERO: it reads as zeros. */
  zero: 2,
  /** BDRV_BLOCK_DATA. */
  data: 4,
  /** BDRV_BLOCK_OFFSET_VALID: it has a place in a host file, where it lies as the guest sees it. */
  offset: 8,
  /** It can't be known: the table entry is wrong, or can't be read. */
  failed: 16,
} as const;

/** A file of a backing chain, as the block status needs it. */
export interface StatusLayer {
  /** Bytes of the disk, in whole sectors of 512, as QEMU counts them. */
  readonly size: number;
  /** Of qcow2 files; others are raw. */
  readonly image?: Image;
  /** Where the guest's data lies: the file itself, or its external data file. */
  readonly data: Storage;
  /** Whether it names a backing file, opened or not. */
  readonly backed: boolean;
  /** Whether clusters that the L2 tables call data are looked up in the host file (`detectPreallocation`). */
  readonly lookForHoles: boolean;
}

/** Rows that a layer holds at a time. */
const mostRows = 2 ** 16;

const { zero, data, offset, failed } = statusFlags;

/** By `ExtentKind` (qcow2_co_block_status). */
const flagsOfKind: readonly number[] = [0, offset, zero, zero | offset, data | offset, data, failed, failed];

/**
 * What a part of a layer is, as rows: as much of it as fits. Guest and host offsets are numbers of bytes, exact below
 * 2^53 and for multiples of 512 below 2^62.
 */
export class StatusRows {
  /** The rows reach from the guest offset `start` ... */
  start = 0;
  /** ... to here. */
  end = 0;
  readonly #layer: StatusLayer;
  readonly #holes: Holes;
  #count = 0;
  #cursor = 0;
  #ends = new Float64Array(16);
  #offsets = new Float64Array(16);
  #flags = new Uint8Array(16);

  constructor(layer: StatusLayer) {
    this.#layer = layer;
    this.#holes = new Holes(layer.data);
  }

  /** Reads the rows from the guest offset `from` to `to`, which the layer's disk must have, or the first ones of them. */
  async fill(from: number, to: number, progress: Progress): Promise<void> {
    this.#count = 0;
    this.#cursor = 0;
    this.start = from;
    this.end = from;
    const { image } = this.#layer;
    if (!image) {
      this.#addByHoles(0, from, to, from);
      return;
    }
    const { layer } = image;
    if (layer) {
      const { clusterSize, unitSize } = layer.geometry;
      const range = { from: Math.floor(from / clusterSize), to: Math.ceil(to / clusterSize) };
      const add = (kind: ExtentKind, unit: number, count: number, cluster: number, byte: number): boolean =>
        this.#addExtent(kind, unit * unitSize, (unit + count) * unitSize, cluster * clusterSize + byte);
      await walkExtents(image, layer, range, add, progress);
    }
    if (this.end < to && this.#count < mostRows) {
      this.#add(0, to, 0);
    }
  }

  /** The row that holds a guest offset; asked for in ascending order. */
  at(guest: number): number {
    while ((this.#ends[this.#cursor] ?? Number.POSITIVE_INFINITY) <= guest) {
      this.#cursor++;
    }
    return this.#cursor;
  }

  /** `statusFlags` of a row, without `present`. */
  flagsOf(row: number): number {
    return this.#flags[row] ?? failed;
  }

  /** The guest offset at which a row ends. */
  endOf(row: number): number {
    return this.#ends[row] ?? this.end;
  }

  /** The host offset of a guest offset in a row. */
  hostOf(row: number, guest: number): number {
    return (this.#offsets[row] ?? 0) + (guest - this.#startOf(row));
  }

  /** The part from `start` to before `to` that another layer has to tell of: from its first such row to its last. */
  unknown(to: number): { from: number; to: number } | undefined {
    let first = -1;
    let last = -1;
    for (let row = 0; row < this.#count && this.#startOf(row) < to; row++) {
      if ((this.flagsOf(row) & (zero | data | failed)) === 0) {
        first = first < 0 ? row : first;
        last = row;
      }
    }
    return first < 0 ? undefined : { from: this.#startOf(first), to: Math.min(to, this.endOf(last)) };
  }

  #startOf(row: number): number {
    return row === 0 ? this.start : this.endOf(row - 1);
  }

  #addExtent(kind: ExtentKind, start: number, end: number, host: number): boolean {
    const flags = flagsOfKind[kind] ?? failed;
    const from = Math.max(start, this.start);
    const place = host + (from - start);
    if (this.#layer.lookForHoles && kind === extentKinds.normal) {
      return this.#addByHoles(flags, from, end, place);
    }
    return this.#add(flags, end, place);
  }

  /** Adds a range that lies in the host file from `host` on: its holes read as zeros. */
  #addByHoles(flags: number, from: number, to: number, host: number): boolean {
    const shift = host - from;
    let more = true;
    for (let at = from; at < to && more; at = this.end) {
      this.#holes.find(at + shift);
      const end = Math.min(to, this.#holes.end - shift);
      // A raw file has zeros in its holes (raw_co_block_status); a qcow2 cluster stays data.
      const here = this.#holes.hole ? flags | zero : flags | data;
      more = this.#add(here | offset, end, at + shift);
    }
    return more;
  }

  /** Adds the row that follows the last one. Returns false when there is no room for another. */
  #add(flags: number, end: number, host: number): boolean {
    if (this.#count === this.#ends.length) {
      this.#grow();
    }
    this.#flags[this.#count] = flags;
    this.#ends[this.#count] = end;
    this.#offsets[this.#count] = host;
    this.#count++;
    this.end = end;
    return this.#count < mostRows;
  }

  #grow(): void {
    const size = 4 * this.#count;
    const [ends, offsets, flags] = [new Float64Array(size), new Float64Array(size), new Uint8Array(size)];
    ends.set(this.#ends);
    offsets.set(this.#offsets);
    flags.set(this.#flags);
    this.#ends = ends;
    this.#offsets = offsets;
    this.#flags = flags;
  }
}
