import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset } from '../../src/engine/format/show.ts';
import type { RangePage } from '../../src/protocol/listApi.ts';
import { type Loaded, load, settled } from '../loaded.ts';
import { PageElement } from './element.ts';
import './grid.ts';
import type { Column, RowEvent } from './grid.ts';
import { failure, progress } from './progress.ts';

const pageRows = 256;
/** Rows kept in the page; beyond that the table goes on with a new start. */
const mostRows = 100_000;

/** A row that is a range of the guest's disk. */
export interface RangeRow {
  readonly start: bigint;
  readonly length: bigint;
}

/** Asks for `count` ranges from guest offset `from` on. */
export type AskRanges<T> = (
  from: bigint,
  count: number,
  signal: AbortSignal,
  report: (done: number, total: number) => void,
) => Promise<RangePage<T>>;

/**
 * A table of ranges of the guest's disk, however many: more are asked for as it is scrolled. Starts anew when `of` or
 * `name` is another.
 *
 * Events: `range` (`RangeEvent`) when one is picked, `painted` once the first page, or that there is none, is painted.
 */
export class RangeTable<T extends RangeRow = RangeRow> extends PageElement {
  static override properties = {
    of: { attribute: false },
    name: {},
    kind: {},
    label: {},
    words: {},
    columns: { attribute: false },
    selected: { attribute: false },
    ask: { attribute: false },
    rows: { state: true },
    page: { state: true },
  };

  /** What the ranges are of: the image. */
  of: unknown = undefined;
  /** Which list of ranges. */
  name = '';
  /** Id and style class of the grid. */
  kind = '';
  label = '';
  /** What is being done while ranges are read. */
  words = 'Reading';
  columns: readonly Column<T>[] = [];
  declare selected: RangeRow | undefined;
  declare ask: AskRanges<T>;
  private rows: readonly T[] = [];
  private page: Loaded<RangePage<T>> = { state: 'waiting' };
  #begin = 0n;
  #next: bigint | undefined;
  #cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('of') || changed.has('name')) {
      this.#startAt(0n);
    }
  }

  override render(): TemplateResult {
    const full = this.rows.length >= mostRows;
    return html`<p class="links">
        <span class="quiet" aria-live="polite">${this.#status(full)}</span>
        ${this.#begin > 0n ? html`<button class="link" @click=${() => this.#startAt(0n)}>From the start</button>` : nothing}
        ${full && this.#next !== undefined ? this.#continuation(this.#next) : nothing}
      </p>
      ${this.rows.length === 0 ? nothing : this.#grid()}
      ${progress(this.page, this.words, () => this.#cancel())}
      ${failure(this.page, this.words, () => this.#ask(this.#next ?? this.#begin))}`;
  }

  override updated(): void {
    if (settled(this.page)) {
      this.dispatchEvent(new Event('painted'));
    }
  }

  #grid(): TemplateResult {
    return html`<qcow2-grid
      id=${this.kind}
      class="${this.kind} ranges lines-${Math.min(this.rows.length, 12)}"
      .label=${this.label}
      .columns=${this.columns}
      .rows=${this.rows}
      .total=${this.#next === undefined && this.page.state === 'ready' ? this.rows.length : -1}
      .selected=${this.#selectedRow()}
      @row=${(event: RowEvent) => this.#pick(event.index)}
      @near-end=${() => this.#more()}
    ></qcow2-grid>`;
  }

  #status(full: boolean): string {
    const start = this.rows[0];
    if (this.page.state !== 'ready') {
      return '';
    }
    if (start === undefined) {
      return 'None.';
    }
    const count = `${showCount(this.rows.length)} ${this.rows.length === 1 ? 'range' : 'ranges'} from ${showOffset(start.start)}`;
    if (this.#next === undefined) {
      return `${count} to the end of the disk`;
    }
    return full ? `${count}; the table goes on at ${showOffset(this.#next)}` : `${count}; more by scrolling`;
  }

  #continuation(next: bigint): TemplateResult {
    return html`<button class="link" @click=${() => this.#startAt(next)}>Go on at ${showOffset(next)}</button>`;
  }

  #selectedRow(): number {
    const { selected } = this;
    return selected === undefined
      ? -1
      : this.rows.findIndex((row) => row.start === selected.start && row.length === selected.length);
  }

  #pick(index: number): void {
    const row = this.rows[index];
    if (row !== undefined) {
      this.dispatchEvent(new RangeEvent(row));
    }
  }

  #startAt(from: bigint): void {
    this.#cancel();
    this.#begin = from;
    this.rows = [];
    this.#next = undefined;
    const box = this.querySelector('.grid-scroll');
    if (box !== null) {
      box.scrollTop = 0;
    }
    this.#ask(from);
  }

  #more(): void {
    if (this.page.state === 'ready' && this.#next !== undefined && this.rows.length < mostRows) {
      this.#ask(this.#next);
    }
  }

  #ask(from: bigint): void {
    this.#cancel = load(
      (signal, report) => this.ask(from, pageRows, signal, report),
      (page) => {
        if (page.state === 'ready') {
          this.rows = [...this.rows, ...page.value.rows];
          this.#next = page.value.next;
        }
        this.page = page;
      },
    );
  }
}

/** A range of a table was picked. */
export class RangeEvent extends Event {
  readonly row: RangeRow;

  constructor(row: RangeRow) {
    super('range');
    this.row = row;
  }
}

customElements.define('qcow2-ranges', RangeTable);
