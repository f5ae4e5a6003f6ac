import type { Storage } from '../ports.ts';

/** Bytes of a file whose data and holes are asked for together. */
const pieceBytes = 2 ** 30;
/** Extents that are remembered, of all pieces together. */
const mostRemembered = 2 ** 20;

/** The extents of a piece of a file, in order. */
interface Piece {
  /** Host offsets in bytes at which they end. */
  readonly ends: Float64Array;
  /** 1 for a hole. */
  readonly holes: Uint8Array;
}

/**
 * Where a host file has holes, for many questions in any order. Without `Storage.extents` every byte counts as data.
 * Host offsets are exact numbers: below 2^53, or multiples of 512.
 */
export class Holes {
  /** The answer of `find`: whether the byte is in a hole, or past the end of the file. */
  hole = false;
  /** The answer of `find`: the host offset up to which it holds at least. */
  end = 0;
  #from = 0;
  readonly #storage: Storage;
  readonly #size: number;
  readonly #pieces = new Map<number, Piece>();
  #remembered = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
    this.#size = Number(storage.size);
  }

  /** Finds what there is at a host offset; the answer is in `hole` and `end`. */
  find(at: number): void {
    if (at >= this.#from && at < this.end) {
      return;
    }
    this.#from = at;
    if (at >= this.#size) {
      this.hole = true;
      this.end = Number.POSITIVE_INFINITY;
    } else if (!this.#storage.extents) {
      this.hole = false;
      this.end = this.#size;
    } else {
      this.#findIn(this.#piece(Math.floor(at / pieceBytes)), at);
    }
  }

  #findIn({ ends, holes }: Piece, at: number): void {
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ends[middle] ?? 0) > at) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    this.hole = holes[low] === 1;
    this.end = ends[low] ?? at + 1;
  }

  #piece(index: number): Piece {
    const known = this.#pieces.get(index);
    if (known) {
      return known;
    }
    const ends: number[] = [];
    const holes: number[] = [];
    const from = BigInt(index) * BigInt(pieceBytes);
    for (const { offset, length, data } of this.#storage.extents?.(from, from + BigInt(pieceBytes)) ?? []) {
      ends.push(Number(offset + length));
      holes.push(data ? 0 : 1);
    }
    if (this.#remembered + ends.length > mostRemembered) {
      this.#pieces.clear();
      this.#remembered = 0;
    }
    const piece = { ends: Float64Array.from(ends), holes: Uint8Array.from(holes) };
    this.#pieces.set(index, piece);
    this.#remembered += ends.length;
    return piece;
  }
}
