/** Where boxes of the page are scrolled to: pixels, by pane (`header`), by grid in a pane (`map#extents`), `inspector`. */
export type ScrollPositions = Readonly<Record<string, number>>;

/** Milliseconds after the last scrolling before it is saved. */
const saveAfter = 200;

/** Saved positions that are understood; the others are left out. */
export function restorePositions(saved: unknown): ScrollPositions {
  const entries = typeof saved === 'object' && saved !== null ? Object.entries(saved) : [];
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] > 0 && entry[1] < 2 ** 31)
      .slice(0, 100),
  );
}

/**
 * Keeps where the panes, their grids and the Inspector are scrolled to, and scrolls them there again as soon as they are
 * long enough: what they show comes bit by bit. Whatever the user does ends that.
 */
export class ScrollKeeper {
  readonly #root: HTMLElement;
  readonly #pane: () => string;
  readonly #save: (positions: ScrollPositions) => void;
  readonly #positions = new Map<string, number>();
  readonly #pending = new Set<string>();
  readonly #grown = new MutationObserver(() => this.#scroll());
  #focus: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param root - the page
   * @param pane - the pane that is shown
   * @param save - keeps the positions
   */
  constructor(root: HTMLElement, pane: () => string, save: (positions: ScrollPositions) => void) {
    this.#root = root;
    this.#pane = pane;
    this.#save = save;
    root.addEventListener('scroll', (event) => this.#scrolled(event.target), { capture: true, passive: true });
    for (const act of ['wheel', 'pointerdown', 'keydown', 'touchstart']) {
      root.addEventListener(act, () => this.stay(), { capture: true, passive: true });
    }
  }

  /** Takes positions that were kept, to begin with. */
  take(positions: ScrollPositions): void {
    for (const [key, top] of Object.entries(positions)) {
      this.#positions.set(key, top);
    }
  }

  /** Scrolls the pane with its grids to where they were; and the Inspector, where what it shows is the same. */
  restore(inspector: boolean): void {
    const pane = this.#pane();
    this.#pending.clear();
    this.#pending.add(pane);
    for (const key of this.#positions.keys()) {
      if (key.startsWith(`${pane}#`) || (inspector && key === 'inspector')) {
        this.#pending.add(key);
      }
    }
    // Not before what is to be made anew is gone: it is still scrolled there.
    requestAnimationFrame(() => {
      this.#grown.observe(this.#root, { childList: true, subtree: true });
      this.#scroll();
    });
  }

  /** Remembers what has the focus, for it to have it again after `restore`, should it be made anew. */
  rememberFocus(): void {
    const focused = document.activeElement;
    const named = focused?.closest('[id]');
    const inGrid = focused?.classList.contains('grid-scroll') && named !== focused;
    this.#focus =
      named?.id && this.#root.contains(named) ? `#${CSS.escape(named.id)}${inGrid ? ' .grid-scroll' : ''}` : undefined;
  }

  /** Leaves everything where it is. */
  stay(): void {
    this.#pending.clear();
    this.#focus = undefined;
    this.#grown.disconnect();
  }

  #scrolled(target: EventTarget | null): void {
    const key = target instanceof HTMLElement ? this.#keyOf(target) : undefined;
    // What a box that is not complete yet is cut to is not where the user has been.
    if (key === undefined || this.#pending.has(key) || !(target instanceof HTMLElement)) {
      return;
    }
    this.#positions.set(key, Math.round(target.scrollTop));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(this.#kept()), saveAfter);
  }

  #kept(): ScrollPositions {
    return Object.fromEntries([...this.#positions].filter(([, top]) => top > 0));
  }

  #keyOf(box: HTMLElement): string | undefined {
    if (box.matches('main.pane')) {
      return this.#pane();
    }
    if (box.matches('.inspector')) {
      return 'inspector';
    }
    const grid = box.matches('main.pane .grid-scroll') ? box.closest('[id]') : null;
    return grid === null ? undefined : `${this.#pane()}#${grid.id}`;
  }

  #boxOf(key: string): HTMLElement | null {
    const [pane, grid] = key.split('#');
    const box =
      grid !== undefined ? `#${CSS.escape(grid)} .grid-scroll` : pane === 'inspector' ? '.inspector' : 'main.pane';
    return this.#root.querySelector(box);
  }

  #scroll(): void {
    for (const key of this.#pending) {
      const box = this.#boxOf(key);
      const top = this.#positions.get(key) ?? 0;
      if (box !== null) {
        box.scrollTop = top;
        if (Math.abs(box.scrollTop - top) <= 1) {
          this.#pending.delete(key);
        }
      }
    }
    this.#focusAgain();
    if (this.#pending.size === 0 && this.#focus === undefined) {
      this.#grown.disconnect();
    }
  }

  #focusAgain(): void {
    if (this.#focus === undefined || (document.activeElement !== document.body && document.activeElement !== null)) {
      this.#focus = undefined;
      return;
    }
    const again = this.#root.querySelector<HTMLElement>(this.#focus);
    if (again !== null) {
      again.focus({ preventScroll: true });
      this.#focus = undefined;
    }
  }
}
