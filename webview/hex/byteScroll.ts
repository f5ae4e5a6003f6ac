import { tallest } from '../widgets/scaledScroll.ts';

/** Px at either end of a scaled box that are as many px of its rows: so both ends are reached as in any other box. */
const room = 4000;

/**
 * Scrolling through rows that are more than numbers count exactly. The scrollbar stands for all of them; what moves less
 * than `room` at once (a wheel, a finger, an arrow of the scrollbar) moves by as many px of rows, what moves more (the
 * thumb) by the scale. As `ScaledScroll`, in whole rows.
 */
export class ByteScroll {
  /** The row at the top. */
  top = 0n;
  /** Rows that are wholly in view. */
  visible = 1;
  /** `scrollTop` as it was last heard of or set. */
  seen = 0;
  #rows = 0n;
  #rowHeight = 20;
  #view = 0;
  /** Px scrolled that do not make a row yet. */
  #rest = 0;

  get #height(): number {
    const rows = Number(this.#rows);
    return Math.min(rows * this.#rowHeight + (this.#view % this.#rowHeight), tallest);
  }

  /** Px by which the box can be scrolled. */
  get travel(): number {
    return this.#mostPhysical;
  }

  /** Sets the number of rows, and the heights of a row and of the view in px. Returns the `scrollTop`. */
  resize(rows: bigint, rowHeight: number, view: number): number {
    this.#rows = rows;
    this.#rowHeight = rowHeight;
    this.#view = view;
    this.visible = Math.max(1, Math.floor(view / rowHeight));
    return this.moveTo(this.top);
  }

  /** Moves a row to the top, as far as it can be; returns the `scrollTop` for that. */
  moveTo(top: bigint): number {
    this.top = within(top, this.#most);
    this.#rest = 0;
    this.seen = this.#physical(this.top);
    return this.seen;
  }

  /** The box was scrolled. Returns the `scrollTop` to be set where an end would be reached too early. */
  scrolled(scrollTop: number): number | undefined {
    const moved = scrollTop - this.seen;
    this.seen = scrollTop;
    if (!this.#scaled) {
      this.top = within(BigInt(Math.round(Math.max(0, scrollTop) / this.#rowHeight)), this.#most);
      return undefined;
    }
    if (Math.abs(moved) < 1) {
      return undefined;
    }
    if (Math.abs(moved) < room) {
      this.#rest += moved;
      const rows = Math.trunc(this.#rest / this.#rowHeight);
      this.#rest -= rows * this.#rowHeight;
      this.top = within(this.top + BigInt(rows), this.#most);
    } else {
      this.#rest = 0;
      this.top = within(this.#virtual(scrollTop), this.#most);
    }
    const nearEnd = scrollTop < room || scrollTop > this.#mostPhysical - room;
    const off = Math.abs(this.#physical(this.top) - scrollTop) > this.#rowHeight;
    return nearEnd && off ? this.moveTo(this.top) : undefined;
  }

  get #scaled(): boolean {
    return Number(this.#rows) * this.#rowHeight > tallest - this.#rowHeight;
  }

  get #most(): bigint {
    const most = this.#rows - BigInt(this.visible);
    return most > 0n ? most : 0n;
  }

  get #mostPhysical(): number {
    return Math.max(0, this.#height - this.#view);
  }

  /** Rows of either end that are scrolled px by px. */
  get #endRows(): bigint {
    return BigInt(Math.floor(room / this.#rowHeight));
  }

  #physical(top: bigint): number {
    if (!this.#scaled || top <= this.#endRows) {
      return Number(top) * this.#rowHeight;
    }
    const left = this.#most - top;
    if (left <= this.#endRows) {
      return this.#mostPhysical - Number(left) * this.#rowHeight;
    }
    const part = Number(((top - this.#endRows) * scale) / (this.#most - 2n * this.#endRows)) / Number(scale);
    return room + part * (this.#mostPhysical - 2 * room);
  }

  #virtual(scrollTop: number): bigint {
    if (scrollTop <= room) {
      return BigInt(Math.round(scrollTop / this.#rowHeight));
    }
    const left = this.#mostPhysical - scrollTop;
    if (left <= room) {
      return this.#most - BigInt(Math.max(0, Math.round(left / this.#rowHeight)));
    }
    const part = BigInt(Math.round(((scrollTop - room) / (this.#mostPhysical - 2 * room)) * Number(scale)));
    return this.#endRows + (part * (this.#most - 2n * this.#endRows)) / scale;
  }
}

/** Parts of the whole that are told apart. */
const scale = 2n ** 40n;

function within(top: bigint, most: bigint): bigint {
  return top < 0n ? 0n : top > most ? most : top;
}
