import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { PageElement } from './element.ts';

/** A column of a grid. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T, index: number) => TemplateResult | string | typeof nothing;
}

/** How many rows beyond the visible ones are in the page. */
const overscan = 8;

/**
 * A table of any length: only the rows in view are in the page. It is one stop for the Tab key; arrows, Page Up and
 * Down, Home and End move through it and select as they go.
 *
 * Events: `row` (`RowEvent`) when a row is picked, `view` (`ViewEvent`) when other rows may be in view, `near-start` and
 * `near-end` when the first or last rows come into view.
 */
export class Grid<T = unknown> extends PageElement {
  static override properties = {
    label: {},
    columns: { attribute: false },
    rows: { attribute: false },
    total: { type: Number },
    selected: { type: Number },
    first: { state: true },
    visible: { state: true },
    rowHeight: { state: true },
  };

  label = '';
  columns: readonly Column<T>[] = [];
  rows: readonly T[] = [];
  /** How many rows there are in all; -1 when that is not known yet. */
  total = -1;
  /** Index of the selected row; -1 for none. */
  selected = -1;
  private first = 0;
  private visible = 30;
  private rowHeight = 22;
  #active = 0;
  /** Rows by which the content has to be scrolled once they are there. */
  #moved = 0;
  #resized = new ResizeObserver(() => this.#measure());

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('selected') && this.selected >= 0) {
      this.#active = this.selected;
    }
    this.#active = Math.min(this.#active, Math.max(0, this.rows.length - 1));
  }

  override render(): TemplateResult {
    const from = Math.max(0, this.first - overscan);
    const to = Math.min(this.rows.length, this.first + this.visible + overscan);
    return html`<div
      class="grid-scroll"
      role="grid"
      tabindex="0"
      aria-label=${this.label}
      aria-rowcount=${this.total < 0 ? -1 : this.total + 1}
      aria-activedescendant=${this.#active >= from && this.#active < to ? this.#idOf(this.#active) : nothing}
      @keydown=${this.#onKey}
      @scroll=${this.#measure}
    >
      <div class="grid-row grid-head" role="row" aria-rowindex="1">
        ${this.columns.map(({ title }) => html`<span role="columnheader">${title}</span>`)}
      </div>
      <div class="grid-body" role="rowgroup" .style=${`height: ${this.rows.length * this.rowHeight}px`}>
        <div class="grid-window" role="presentation" .style=${`transform: translateY(${from * this.rowHeight}px)`}>
          ${this.rows.slice(from, to).map((row, index) => this.#row(row, from + index))}
        </div>
      </div>
    </div>`;
  }

  override updated(): void {
    const box = this.#box;
    if (this.#moved !== 0 && box !== null) {
      box.scrollTop += this.#moved * this.rowHeight;
      this.#moved = 0;
    }
    this.#measure();
  }

  /** Says that the rows given last have come so much further down: what was in view stays, and the active row. */
  keepPlace(moved: number): void {
    this.#moved += moved;
    this.#active = Math.max(0, this.#active + moved);
    this.requestUpdate();
  }

  /** Brings a row into view. */
  scrollToRow(index: number): void {
    const box = this.#box;
    if (box === null) {
      return;
    }
    const top = index * this.rowHeight;
    const room = box.clientHeight - this.#headHeight;
    if (top < box.scrollTop) {
      box.scrollTop = top;
    } else if (top + this.rowHeight > box.scrollTop + room) {
      box.scrollTop = top + this.rowHeight - room;
    }
  }

  get #box(): HTMLElement | null {
    return this.querySelector('.grid-scroll');
  }

  get #headHeight(): number {
    return this.querySelector<HTMLElement>('.grid-head')?.offsetHeight ?? 0;
  }

  #row(row: T, index: number): TemplateResult {
    return html`<div
      class="grid-row ${index === this.#active ? 'active' : ''}"
      role="row"
      id=${this.#idOf(index)}
      aria-rowindex=${index + 2}
      aria-selected=${index === this.selected}
      @click=${() => this.#pick(index)}
    >
      ${this.columns.map(({ cell }) => html`<span role="gridcell">${cell(row, index)}</span>`)}
    </div>`;
  }

  #idOf(index: number): string {
    return `${this.id}-row-${index}`;
  }

  #pick(index: number): void {
    const row = this.rows[index];
    if (row !== undefined) {
      this.#active = index;
      this.requestUpdate();
      this.dispatchEvent(new RowEvent(index));
    }
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const page = Math.max(1, this.visible - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.rows.length,
      End: this.rows.length,
      Enter: 0,
      ' ': 0,
    };
    const step = steps[event.key];
    if (step === undefined || this.rows.length === 0) {
      return;
    }
    event.preventDefault();
    // The first key only enters the table; it does not skip the row that it stands on.
    const from = this.selected < 0 && step === 1 ? this.#active - 1 : this.#active;
    const next = Math.max(0, Math.min(this.rows.length - 1, from + step));
    this.#pick(next);
    this.scrollToRow(next);
  };

  readonly #measure = (): void => {
    const box = this.#box;
    if (box === null || box.clientHeight === 0) {
      return;
    }
    this.rowHeight = this.querySelector<HTMLElement>('.grid-body .grid-row')?.offsetHeight ?? this.rowHeight;
    this.first = Math.floor(box.scrollTop / this.rowHeight);
    this.visible = Math.ceil(box.clientHeight / this.rowHeight);
    this.dispatchEvent(new ViewEvent(this.first, Math.min(this.rows.length, this.first + this.visible)));
    if (this.first < this.visible) {
      this.dispatchEvent(new Event('near-start'));
    }
    if (this.first + 2 * this.visible >= this.rows.length) {
      this.dispatchEvent(new Event('near-end'));
    }
  };
}

/** A row of a grid was picked. */
export class RowEvent extends Event {
  readonly index: number;

  constructor(index: number) {
    super('row');
    this.index = index;
  }
}

/** The rows of a grid from `from` to before `to` are in view. */
export class ViewEvent extends Event {
  readonly from: number;
  readonly to: number;

  constructor(from: number, to: number) {
    super('view');
    this.from = from;
    this.to = to;
  }
}

customElements.define('qcow2-grid', Grid);
