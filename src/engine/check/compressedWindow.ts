import { compressedSectorBytes } from '../format/compressed.ts';
import { NumberRows } from './numberRows.ts';

/** Compressed data as an L2 entry describes it. */
export interface CompressedStream {
  /** Host offset of its first byte. */
  readonly start: number;
  /** From there to the end of its last sector. */
  readonly bytes: number;
  /** The guest cluster whose entry it is, and the source of the table. */
  readonly guest: number;
  readonly source: number;
}

/** Host offset of the last sector: how many of its bytes are the stream's is not known. */
export function lastSector({ start, bytes }: CompressedStream): number {
  return start + bytes - compressedSectorBytes;
}

/**
 * Gathers streams that start in a part of the file, in any order, and gives them in the order of their places. Where there
 * are too many for memory the part gets shorter: it ends at `to`, from where another walk goes on.
 */
export class CompressedWindow {
  readonly #from: number;
  readonly #most: number;
  #to = Number.POSITIVE_INFINITY;
  #rows = new NumberRows(4);
  #dropped = 0;

  /** Streams from host offset `from` on, `most` at once. */
  constructor(from: number, most: number) {
    this.#from = from;
    this.#most = most;
  }

  /** The host offset before which the window ends. */
  get to(): number {
    return this.#to;
  }

  /** How many streams with one and the same start were left out, since memory does not hold them. */
  get dropped(): number {
    return this.#dropped;
  }

  add(start: number, bytes: number, guest: number, source: number): void {
    if (start >= this.#from && start < this.#to) {
      this.#rows.push([start, bytes, guest, source]);
      if (this.#rows.length > this.#most) {
        this.#shrink();
      }
    }
  }

  /** The streams by start, each that several layers have at the same guest cluster once: the active layer’s, if it has it. */
  *inOrder(): Generator<CompressedStream> {
    const rows = this.#rows;
    let last: CompressedStream | undefined;
    for (const index of this.#order()) {
      const [start = 0, bytes = 0, guest = 0, source = 0] = rows.row(index);
      if (start >= this.#to) {
        return;
      }
      if (start !== last?.start || guest !== last.guest) {
        last = { start, bytes, guest, source };
        yield last;
      }
    }
  }

  #order(): Iterable<number> {
    const order = new Uint32Array(this.#rows.length);
    let isSorted = true;
    for (let index = 0; index < order.length; index++) {
      order[index] = index;
      isSorted &&= index === 0 || this.#compare(index - 1, index) <= 0;
    }
    return isSorted ? order : order.sort((a, b) => this.#compare(a, b));
  }

  #compare(a: number, b: number): number {
    const one = this.#rows.row(a);
    const other = this.#rows.row(b);
    for (const column of [0, 2, 3]) {
      const difference = (one[column] ?? 0) - (other[column] ?? 0);
      if (difference !== 0) {
        return difference;
      }
    }
    return 0;
  }

  /** Keeps the first half of the streams and ends the window there; where few are left without other layers’, all of them. */
  #shrink(): void {
    const half = this.#most >>> 1;
    const kept = new NumberRows(4);
    let first = 0;
    let index = 0;
    for (const { start, bytes, guest, source } of this.inOrder()) {
      first = index === 0 ? start : first;
      if (index === half) {
        // What has the same start is never parted: the window has one start at least.
        this.#to = Math.max(start, first + 1);
      }
      if (index < half) {
        kept.push([start, bytes, guest, source]);
      } else if (start < this.#to) {
        this.#dropped++;
      } else {
        break;
      }
      index++;
    }
    this.#rows = kept;
  }
}
