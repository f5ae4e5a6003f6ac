import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { type Loaded, load } from '../loaded.ts';
import { PageElement } from './element.ts';
import './grid.ts';
import type { Column, Grid, RowEvent, ViewEvent } from './grid.ts';
import { failure, progress } from './progress.ts';

/** Entries that are asked for at once. */
const pageEntries = 256;

/** A place in the list; its entry is there once it was asked for. */
interface Slot<T> {
  readonly index: number;
  readonly entry?: T;
}

/** Asks for `count` entries from index `from` on, or fewer, but at least one. */
export type AskEntries<T> = (from: number, count: number, signal: AbortSignal) => Promise<readonly T[]>;

/**
 * A table of many entries with an index, such as 65536 snapshots: the entries in view are asked for as they come into
 * view, the others are not in the page. Asks anew when `of` is another.
 *
 * Events: `entry` (`EntryEvent`) when one is picked, `painted` once those in view are painted, or it is known that they
 * can't be.
 */
export class EntryList<T = unknown> extends PageElement {
  static override properties = {
    of: { attribute: false },
    name: {},
    label: {},
    words: {},
    columns: { attribute: false },
    known: { attribute: false },
    total: { type: Number },
    selected: { type: Number },
    reveals: { type: Number },
    ask: { attribute: false },
    rows: { state: true },
    page: { state: true },
  };

  /** What the entries are of: the image. */
  of: unknown = undefined;
  /** Id and style class of the grid. */
  name = '';
  label = '';
  /** What is being done while entries are read. */
  words = 'Reading';
  columns: readonly Column<T>[] = [];
  /** The first entries, known from the start. */
  known: readonly T[] = [];
  total = 0;
  selected = -1;
  /** The selected entry is brought into view when this grows. */
  reveals = 0;
  declare ask: AskEntries<T>;
  private rows: readonly Slot<T>[] = [];
  private page: Loaded<readonly T[]> = { state: 'waiting' };
  #view = { from: 0, to: 0 };
  #cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('of') || changed.has('total')) {
      this.#cancel();
      this.page = { state: 'waiting' };
      this.rows = Array.from({ length: this.total }, (_, index) => slot(index, this.known[index]));
    }
  }

  override render(): TemplateResult {
    return html`<qcow2-grid
        id=${this.name}
        class="${this.name} lines-${Math.min(this.total, 12)}"
        .label=${this.label}
        .columns=${this.#columns()}
        .rows=${this.rows}
        .total=${this.total}
        .selected=${this.selected}
        @row=${(event: RowEvent) => this.dispatchEvent(new EntryEvent(event.index))}
        @view=${(event: ViewEvent) => this.#onView(event)}
      ></qcow2-grid>
      ${progress(this.page, this.words)} ${failure(this.page, this.words, () => this.#askMissing(true))}`;
  }

  override updated(changed: PropertyValues): void {
    if (this.selected >= 0 && (changed.has('reveals') || changed.has('of'))) {
      const grid = this.querySelector<Grid>('qcow2-grid');
      void grid?.updateComplete.then(() => grid.scrollToRow(this.selected));
    }
    this.#report();
  }

  #columns(): Column<Slot<T>>[] {
    return this.columns.map(({ title, cell }) => ({
      title,
      cell: ({ entry, index }) => (entry === undefined ? nothing : cell(entry, index)),
    }));
  }

  #onView({ from, to }: ViewEvent): void {
    this.#view = { from, to };
    this.#askMissing(false);
    this.#report();
  }

  #missing(): number {
    const { from, to } = this.#view;
    for (let index = from; index < to; index++) {
      if (this.rows[index]?.entry === undefined) {
        return index;
      }
    }
    return -1;
  }

  /** Asks for the first entry in view that is not there, and those after it. After an error, only when told to. */
  #askMissing(again: boolean): void {
    const missing = this.#missing();
    const busy = this.page.state === 'loading' || (this.page.state === 'failed' && !again);
    if (missing < 0 || busy) {
      return;
    }
    this.#cancel = load<readonly T[]>(
      (signal) => this.ask(missing, pageEntries, signal),
      (page) => {
        this.page = page;
        if (page.state === 'ready') {
          this.#put(missing, page.value);
        }
      },
    );
  }

  #put(from: number, entries: readonly T[]): void {
    // The file may have changed meanwhile: what is not there any more is not asked for again and again.
    if (entries.length === 0) {
      this.page = { state: 'failed', error: { code: 'not-found', message: 'There is no such entry any more.' } };
      return;
    }
    this.rows = this.rows.map((row) =>
      row.index >= from && row.index < from + entries.length ? slot(row.index, entries[row.index - from]) : row,
    );
  }

  #report(): void {
    if (this.total === 0 || (this.#view.to > 0 && this.#missing() < 0) || this.page.state === 'failed') {
      this.dispatchEvent(new Event('painted'));
    }
  }
}

function slot<T>(index: number, entry: T | undefined): Slot<T> {
  return entry === undefined ? { index } : { index, entry };
}

/** An entry of a list was picked. */
export class EntryEvent extends Event {
  readonly index: number;

  constructor(index: number) {
    super('entry');
    this.index = index;
  }
}

customElements.define('qcow2-entries', EntryList);
