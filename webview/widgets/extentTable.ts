import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Client } from '../../src/protocol/client.ts';
import type { ExtentPage, ExtentRow } from '../../src/protocol/mapApi.ts';
import { type Loaded, load } from '../loaded.ts';
import { SelectEvent, type Selection } from '../selection.ts';
import { PageElement } from './element.ts';
import './grid.ts';
import type { Column, RowEvent } from './grid.ts';
import { guestWords, swatch } from './kinds.ts';
import { failure } from './progress.ts';

const pageRows = 256;
/** Rows kept in the page; beyond that the table goes on with a new start. */
const mostRows = 100_000;

const columns: readonly Column<ExtentRow>[] = [
  { title: 'guest offset', cell: (row) => showOffset(row.start) },
  { title: 'length', cell: (row) => showSize(row.length) },
  { title: 'kind', cell: (row) => html`${swatch(row.kind)}${guestWords[row.kind].label}` },
  { title: 'host offset', cell: (row) => (row.host === undefined ? '–' : showOffset(row.host)) },
  { title: 'chain', cell: (row) => row.chain.replaceAll('->', '→') },
];

/** The guest's extents as a table from guest offset `from` on; more of it is asked for as it is scrolled. */
export class ExtentTable extends PageElement {
  static override properties = {
    client: { attribute: false },
    from: { attribute: false },
    selection: { attribute: false },
    rows: { state: true },
    page: { state: true },
  };

  declare client: Client;
  from = 0n;
  declare selection: Selection | undefined;
  private rows: readonly ExtentRow[] = [];
  private page: Loaded<ExtentPage> = { state: 'waiting' };
  /** Guest offset of the first row. */
  #begin = 0n;
  #next: bigint | undefined;
  #cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('from') || changed.has('client')) {
      this.#startAt(this.from);
    }
  }

  override render(): TemplateResult {
    const full = this.rows.length >= mostRows;
    return html`<p class="links">
        <span class="quiet" aria-live="polite">${this.#status(full)}</span>
        ${this.#begin > 0n ? html`<button class="link" @click=${() => this.#startAt(0n)}>From the start</button>` : nothing}
        ${full && this.#next !== undefined ? this.#continuation(this.#next) : nothing}
      </p>
      <qcow2-grid
        id="extents"
        class="extents"
        label="Guest extents"
        .columns=${columns}
        .rows=${this.rows}
        .total=${this.#next === undefined && this.page.state === 'ready' ? this.rows.length : -1}
        .selected=${this.#selectedRow()}
        @row=${(event: RowEvent) => this.#select(event.index)}
        @near-end=${() => this.#more()}
      ></qcow2-grid>
      ${failure(this.page, 'Reading the table', () => this.#ask(this.#next ?? this.from))}`;
  }

  #status(full: boolean): string {
    if (this.page.state === 'loading') {
      return this.page.slow ? 'reading more…' : '';
    }
    const start = this.rows[0];
    if (this.page.state !== 'ready' || start === undefined) {
      return '';
    }
    const count = `${showCount(this.rows.length)} ${this.rows.length === 1 ? 'extent' : 'extents'} from ${showOffset(start.start)}`;
    return this.#next === undefined
      ? `${count} to the end of the disk`
      : full
        ? `${count}; the table goes on at ${showOffset(this.#next)}`
        : `${count}; more by scrolling`;
  }

  #continuation(next: bigint): TemplateResult {
    return html`<button class="link" @click=${() => this.#startAt(next)}>Go on at ${showOffset(next)}</button>`;
  }

  #selectedRow(): number {
    const { selection } = this;
    return selection?.kind === 'guest'
      ? this.rows.findIndex((row) => row.start === selection.start && row.length === selection.length)
      : -1;
  }

  #select(index: number): void {
    const row = this.rows[index];
    if (row !== undefined) {
      this.dispatchEvent(new SelectEvent({ kind: 'guest', start: row.start, length: row.length }));
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
      (signal, onProgress) => this.client.call('extents', { from, count: pageRows }, { signal, onProgress }),
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

customElements.define('qcow2-extents', ExtentTable);
