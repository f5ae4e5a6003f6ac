import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { PageElement } from './element.ts';
import { type Column, RowEvent } from './grid.ts';
import type { RowSource } from './pagedRows.ts';
import { ScaledScroll } from './scaledScroll.ts';

/** How many rows beyond the visible ones are in the page. */
const overscan = 8;
/** Milliseconds without scrolling after which it counts as ended. */
const rest = 150;

/**
 * A table of any number of rows, which asks its source for those in view. It is one stop for the Tab key: up, down, Page
 * Up and Down, Home and End move through the rows and select as they go; left and right move through the cells of a row,
 * and Enter presses the button of a cell.
 *
 * Events: `row` (`RowEvent`) when a row is picked, `open` (`OpenEvent`) for Enter on a row and a double click, `rested`
 * when the table has been scrolled and rests.
 */
export class WindowGrid<T = unknown> extends PageElement {
  static override properties = {
    label: {},
    columns: { attribute: false },
    source: { attribute: false },
    selected: { type: Number },
    start: { type: Number },
    rowHeight: { state: true },
    view: { state: true },
  };

  label = '';
  columns: readonly Column<T>[] = [];
  declare source: RowSource<T>;
  /** Position of the selected row; -1 for none. */
  selected = -1;
  /** Position of the row at the top when the source is new. */
  start = 0;
  private rowHeight = 22;
  /** Px of the box that show rows. */
  private view = 0;
  #scroll = new ScaledScroll();
  #active = 0;
  /** Index of the cell that the keys are at; -1 for the whole row. */
  #column = -1;
  #pending: { readonly position: number } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #resized = new ResizeObserver(() => this.#measure());
  /** Position of a row that was picked before it was there. */
  #picked: number | undefined;
  #onChange = (): void => {
    if (this.#picked !== undefined && this.source.row(this.#picked) !== undefined) {
      this.#pick(this.#picked);
    }
    this.requestUpdate();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    clearTimeout(this.#timer);
    this.source.removeEventListener('change', this.#onChange);
  }

  /** Position of the row at the top. */
  get top(): number {
    // A hair more, since a product divided again may be a hair less.
    return Math.floor(this.#scroll.top / this.rowHeight + 0.01);
  }

  /** Brings a row into view, to the middle unless it is there already; the keys go on from it. */
  reveal(position: number): void {
    this.#active = position;
    this.#pending = { position };
    this.requestUpdate();
  }

  /** Puts the focus into the table. */
  focusRows(): void {
    this.#box?.focus();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('source')) {
      (changed.get('source') as RowSource<T> | undefined)?.removeEventListener('change', this.#onChange);
      this.source.addEventListener('change', this.#onChange);
      this.#active = this.start;
      this.#column = -1;
      this.#picked = undefined;
      this.#scroll.resize(this.source.count * this.rowHeight, this.view);
      this.#scroll.moveTo(this.start * this.rowHeight);
    }
    if (changed.has('selected') && this.selected >= 0) {
      this.#active = this.selected;
    }
    this.#active = Math.max(0, Math.min(this.#active, this.source.count - 1));
  }

  override render(): TemplateResult {
    const { from, to } = this.#range;
    const { count } = this.source;
    const shift = this.#scroll.seen + from * this.rowHeight - this.#scroll.top;
    const inPage = this.#active >= from && this.#active < to;
    return html`<div
      class="window-scroll"
      id="${this.id}-box"
      role="grid"
      tabindex="0"
      aria-label=${this.label}
      aria-rowcount=${count + 1}
      aria-colcount=${this.columns.length}
      aria-activedescendant=${inPage ? this.#activeId : nothing}
      @keydown=${this.#onKey}
      @focusin=${this.#onFocus}
      @scroll=${this.#onScroll}
    >
      <div class="grid-row grid-head" role="row" aria-rowindex="1">
        ${this.columns.map(({ title }) => html`<span role="columnheader">${title}</span>`)}
      </div>
      <div class="grid-body" role="rowgroup" .style=${`height: ${this.#scroll.height}px`}>
        <div class="grid-window" role="presentation" .style=${`transform: translateY(${shift}px)`}>
          ${Array.from({ length: Math.max(0, to - from) }, (_, index) => this.#row(from + index))}
        </div>
      </div>
    </div>`;
  }

  override updated(): void {
    this.#measure();
    this.#place();
    if (this.view > 0) {
      const { from, to } = this.#range;
      this.source.want(from, to);
    }
  }

  get #range(): { readonly from: number; readonly to: number } {
    const from = Math.max(0, this.top - overscan);
    const visible = Math.ceil(this.view / this.rowHeight) + 1;
    return { from, to: Math.min(this.source.count, this.top + visible + overscan) };
  }

  get #box(): HTMLElement | null {
    return this.querySelector('.window-scroll');
  }

  get #activeId(): string {
    return this.#column < 0 ? this.#idOf(this.#active) : `${this.#idOf(this.#active)}-${this.#column}`;
  }

  #row(position: number): TemplateResult {
    const row = this.source.row(position);
    const classes = `grid-row ${position === this.#active ? 'active' : ''} ${position % 2 === 1 ? 'odd' : ''}`;
    if (row === undefined) {
      return html`<div class="${classes} absent" role="row" id=${this.#idOf(position)} aria-rowindex=${position + 2}>
        <span role="gridcell" class="quiet">${this.source.note(position)}</span>
      </div>`;
    }
    return html`<div
      class=${classes}
      role="row"
      id=${this.#idOf(position)}
      tabindex="-1"
      aria-rowindex=${position + 2}
      aria-selected=${position === this.selected}
      @click=${() => this.#pick(position)}
      @dblclick=${() => this.dispatchEvent(new OpenEvent(position))}
    >
      ${this.columns.map(({ cell }, column) => {
        const at = position === this.#active && column === this.#column;
        return html`<span role="gridcell" id="${this.#idOf(position)}-${column}" class=${at ? 'at' : ''}>${cell(row, position)}</span>`;
      })}
    </div>`;
  }

  #idOf(position: number): string {
    return `${this.id}-row-${position}`;
  }

  /** Picks a row; one that is not there yet is picked once it has come, unless another one is picked before. */
  #pick(position: number): void {
    this.#active = position;
    this.requestUpdate();
    if (this.source.row(position) === undefined) {
      this.#picked = position;
    } else {
      this.#picked = undefined;
      this.dispatchEvent(new RowEvent(position));
    }
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    if (this.source.count === 0 || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const page = Math.max(1, Math.floor(this.view / this.rowHeight) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.source.count,
      End: this.source.count,
      ' ': 0,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      // The first key only enters the table; it does not skip the row that it stands on.
      const from = this.selected < 0 && step === 1 ? this.#active - 1 : this.#active;
      this.#moveTo(Math.max(0, Math.min(this.source.count - 1, from + step)));
    } else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      this.#moveAcross(event.key === 'ArrowRight' ? 1 : -1);
    } else if (event.key === 'Enter') {
      this.#enter();
    } else {
      return;
    }
    event.preventDefault();
  };

  #moveTo(position: number): void {
    this.#active = position;
    this.#bring(position, 'nearest');
    this.#pick(position);
  }

  #moveAcross(step: number): void {
    this.#column = Math.max(-1, Math.min(this.columns.length - 1, this.#column + step));
    this.#bring(this.#active, 'nearest');
    this.requestUpdate();
    void this.updateComplete.then(() =>
      document.getElementById(this.#activeId)?.scrollIntoView({ block: 'nearest', inline: 'nearest' }),
    );
  }

  /** Presses the button of the cell that the keys are at; on the row, opens it. */
  #enter(): void {
    const button = this.#column < 0 ? null : document.getElementById(this.#activeId)?.querySelector('button');
    if (button) {
      button.click();
    } else {
      this.dispatchEvent(new OpenEvent(this.#active));
    }
  }

  /** The table has the focus, never a row or a button in it, which may leave the page with it. */
  readonly #onFocus = (event: FocusEvent): void => {
    const box = this.#box;
    if (event.target !== box) {
      box?.focus({ preventScroll: true });
    }
  };

  readonly #onScroll = (): void => {
    const box = this.#box;
    if (box === null) {
      return;
    }
    const better = this.#scroll.scrolled(box.scrollTop);
    if (better !== undefined) {
      box.scrollTop = better;
    }
    this.requestUpdate();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#scroll.moveTo(this.#scroll.top);
      this.requestUpdate();
      this.dispatchEvent(new Event('rested'));
    }, rest);
  };

  /** Scrolls so that a row is in view: by as little as possible, or to the middle. */
  #bring(position: number, where: 'nearest' | 'middle'): void {
    const top = position * this.rowHeight;
    const end = top + this.rowHeight;
    const inView = top >= this.#scroll.top && end <= this.#scroll.top + this.view;
    if (!inView) {
      const nearest = top < this.#scroll.top ? top : end - this.view;
      this.#scroll.moveTo(where === 'nearest' ? nearest : (top + end - this.view) / 2);
      this.requestUpdate();
    }
  }

  readonly #measure = (): void => {
    const box = this.#box;
    if (box === null || box.clientHeight === 0) {
      return;
    }
    const { top } = this;
    const row = this.querySelector<HTMLElement>('.grid-body .grid-row')?.getBoundingClientRect().height;
    const head = this.querySelector<HTMLElement>('.grid-head')?.getBoundingClientRect().height ?? 0;
    const view = box.clientHeight - head;
    const height = row === undefined || row === 0 ? this.rowHeight : row;
    if (height !== this.rowHeight || view !== this.view) {
      const within = this.#scroll.top - top * this.rowHeight;
      this.rowHeight = height;
      this.view = view;
      this.#scroll.resize(this.source.count * height, view);
      this.#scroll.moveTo(top * height + within);
    }
    if (this.#pending) {
      this.#bring(this.#pending.position, 'middle');
      this.#pending = undefined;
    }
  };

  /** The box must be scrolled to where the rows are placed. */
  #place(): void {
    const box = this.#box;
    if (box !== null && this.view > 0 && Math.abs(box.scrollTop - this.#scroll.seen) >= 1) {
      box.scrollTop = this.#scroll.seen;
    }
  }
}

/** A row of a grid is to be opened. */
export class OpenEvent extends Event {
  readonly index: number;

  constructor(index: number) {
    super('open');
    this.index = index;
  }
}

customElements.define('qcow2-window-grid', WindowGrid);
