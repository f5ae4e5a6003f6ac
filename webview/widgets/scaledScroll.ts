/**
 * The tallest that a box is laid out, in px: browsers end between 15 and 33 million, and zooming divides that. A table
 * that is taller is scrolled by a scale.
 */
export const tallest = 8_000_000;

/** Px at either end of a scaled box that are as many px of its content: so both ends are reached as in any other box. */
const room = 4000;

/**
 * Scrolling through content that may be taller than a browser can lay out. The scrollbar stands for the whole of it; what
 * moves less than `room` at once (a wheel, a finger, an arrow of the scrollbar) moves the content by as many px, what
 * moves more (the thumb) by the scale.
 */
export class ScaledScroll {
  /** Px of the content above the view. */
  top = 0;
  /** `scrollTop` as it was last heard of or set. */
  seen = 0;
  #content = 0;
  #view = 0;

  /** Px of the box's content as it is laid out. */
  get height(): number {
    return Math.min(this.#content, tallest);
  }

  /** Sets the heights of the content and of the view in px; `top` stays, as far as it can. Returns the `scrollTop`. */
  resize(content: number, view: number): number {
    this.#content = content;
    this.#view = view;
    return this.moveTo(this.top);
  }

  /** Moves the content so that `top` px are above the view; returns the `scrollTop` for that. */
  moveTo(top: number): number {
    this.top = Math.max(0, Math.min(this.#most, top));
    this.seen = this.#scaled ? this.#physical(this.top) : this.top;
    return this.seen;
  }

  /** The box was scrolled. Returns the `scrollTop` to be set where an end would be reached too early. */
  scrolled(scrollTop: number): number | undefined {
    const moved = scrollTop - this.seen;
    if (Math.abs(moved) < 1) {
      // Browsers round to whole pixels what they are told: that must not add up.
      return undefined;
    }
    this.seen = scrollTop;
    if (!this.#scaled) {
      this.top = Math.max(0, scrollTop);
      return undefined;
    }
    const top = Math.abs(moved) < room ? this.top + moved : this.#virtual(scrollTop);
    this.top = Math.max(0, Math.min(this.#most, top));
    const nearEnd = scrollTop < room || scrollTop > this.#mostPhysical - room;
    return nearEnd && Math.abs(this.#physical(this.top) - scrollTop) > 1 ? this.moveTo(this.top) : undefined;
  }

  get #scaled(): boolean {
    return this.#content > tallest;
  }

  get #most(): number {
    return Math.max(0, this.#content - this.#view);
  }

  get #mostPhysical(): number {
    return Math.max(0, this.height - this.#view);
  }

  #physical(top: number): number {
    const scale = (this.#mostPhysical - 2 * room) / (this.#most - 2 * room);
    if (top <= room) {
      return top;
    }
    const left = this.#most - top;
    return left <= room ? this.#mostPhysical - left : room + (top - room) * scale;
  }

  #virtual(scrollTop: number): number {
    const scale = (this.#most - 2 * room) / (this.#mostPhysical - 2 * room);
    if (scrollTop <= room) {
      return scrollTop;
    }
    const left = this.#mostPhysical - scrollTop;
    return left <= room ? this.#most - left : room + (scrollTop - room) * scale;
  }
}
