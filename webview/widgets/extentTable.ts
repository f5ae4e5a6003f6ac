import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Client } from '../../src/protocol/client.ts';
import type { ExtentRow, HostExtentRow } from '../../src/protocol/mapApi.ts';
import { type Loaded, load } from '../loaded.ts';
import { SelectEvent, type Selection } from '../selection.ts';
import { PageElement } from './element.ts';
import { pageRows, type RunPage, runsBefore } from './extentPages.ts';
import './grid.ts';
import type { Column, Grid, RowEvent } from './grid.ts';
import { mapWords, type SpaceName, swatch } from './kinds.ts';
import { failure } from './progress.ts';

/** Rows kept in the page; beyond that those at the other end are let go. */
const mostRows = 20_000;

/** A row of either table. */
type Row = ExtentRow | HostExtentRow;

/** What the table asked for, and which of its ends that is for. */
interface Fetched {
  readonly rows: readonly Row[];
  readonly end: 'start' | 'before' | 'after';
  /** Whether there is nothing before, or after, what was fetched. */
  readonly last: boolean;
}

const guestColumns: readonly Column<ExtentRow>[] = [
  { title: 'guest offset', cell: (row) => showOffset(row.start) },
  { title: 'length', cell: (row) => showSize(row.length) },
  { title: 'kind', cell: (row) => kindCell('guest', row) },
  { title: 'host offset', cell: (row) => (row.host === undefined ? '–' : showOffset(row.host)) },
  { title: 'chain', cell: (row) => row.chain.replaceAll('->', '→') },
];

const hostColumns: readonly Column<HostExtentRow>[] = [
  { title: 'host offset', cell: (row) => showOffset(row.start) },
  { title: 'length', cell: (row) => showSize(row.length) },
  { title: 'kind', cell: (row) => kindCell('host', row) },
];

function kindCell(space: SpaceName, { kind }: Row): TemplateResult {
  return html`${swatch(kind)}${mapWords[space][kind]?.label ?? kind}`;
}

/**
 * The runs of a space as a table around the offset `from`: more of it, before and after, is asked for as it is scrolled.
 */
export class ExtentTable extends PageElement {
  static override properties = {
    client: { attribute: false },
    space: {},
    snapshot: { attribute: false },
    size: { attribute: false },
    from: { attribute: false },
    selection: { attribute: false },
    rows: { state: true },
    page: { state: true },
  };

  declare client: Client;
  space: SpaceName = 'guest';
  declare snapshot: number | undefined;
  /** Bytes of the space. */
  size = 0n;
  from = 0n;
  declare selection: Selection | undefined;
  private rows: readonly Row[] = [];
  private page: Loaded<Fetched> = { state: 'waiting' };
  /** True when the rows begin at the start of the space, and when they end at its end. */
  #atStart = false;
  #atEnd = false;
  /** True when the first row may be a part of a run. */
  #cut = false;
  /** How far the rows were moved in the grid by those that came before them. */
  #moved = 0;
  #cancel: () => void = () => undefined;
  #retry: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  override willUpdate(changed: PropertyValues): void {
    if (['from', 'client', 'space', 'snapshot'].some((name) => changed.has(name))) {
      this.#startAt(this.from);
    }
  }

  override render(): TemplateResult {
    const guest = this.space === 'guest';
    return html`<p class="links">
        <span class="quiet" aria-live="polite">${this.#status()}</span>
        ${this.#atStart ? nothing : html`<button class="link" @click=${() => this.#startAt(0n)}>From the start</button>`}
        ${this.#atEnd || this.rows.length === 0 ? nothing : html`<button class="link" @click=${() => this.#toEnd()}>To the end</button>`}
      </p>
      <qcow2-grid
        id="extents"
        class=${guest ? 'extents' : 'extents host-extents'}
        label=${guest ? 'Guest extents' : 'Runs of the file'}
        .columns=${guest ? guestColumns : hostColumns}
        .rows=${this.rows}
        .total=${this.#atStart && this.#atEnd ? this.rows.length : -1}
        .selected=${this.#selectedRow()}
        @row=${(event: RowEvent) => this.#select(event.index)}
        @near-start=${() => this.#before()}
        @near-end=${() => this.#after()}
      ></qcow2-grid>
      ${failure(this.page, 'Reading the table', () => this.#retry())}`;
  }

  override updated(changed: PropertyValues): void {
    if (changed.has('rows') && this.#moved !== 0) {
      this.querySelector<Grid>('qcow2-grid')?.keepPlace(this.#moved);
      this.#moved = 0;
    }
  }

  #status(): string {
    if (this.page.state === 'loading') {
      return this.page.slow ? 'reading more…' : '';
    }
    const start = this.rows[0];
    if (this.page.state !== 'ready' || start === undefined) {
      return '';
    }
    const words = this.space === 'guest' ? ['extent', 'extents', 'disk'] : ['run', 'runs', 'file'];
    const count = `${showCount(this.rows.length)} ${words[this.rows.length === 1 ? 0 : 1]} from ${showOffset(start.start)}`;
    return this.#atEnd ? `${count} to the end of the ${words[2]}` : `${count}; more by scrolling`;
  }

  #selectedRow(): number {
    const { selection, space } = this;
    if (selection?.kind !== space || (selection.kind === 'guest' && selection.snapshot !== this.snapshot)) {
      return -1;
    }
    const { start, length } = selection;
    return this.rows.findIndex((row) => row.start === start && row.length === length);
  }

  #select(index: number): void {
    const row = this.rows[index];
    if (row === undefined) {
      return;
    }
    const { start, length } = row;
    const { space, snapshot } = this;
    this.dispatchEvent(
      new SelectEvent(
        space === 'host'
          ? { kind: space, start, length }
          : { kind: space, start, length, ...(snapshot === undefined ? {} : { snapshot }) },
      ),
    );
  }

  #startAt(from: bigint): void {
    this.#reset();
    this.#ask(async (ask) => {
      const page = await ask(from, pageRows);
      return { rows: page.rows, end: 'start', last: page.next === undefined };
    });
    this.#atStart = from === 0n;
    this.#cut = from !== 0n;
  }

  #toEnd(): void {
    const guess = this.#guess();
    this.#reset();
    this.#ask(async (ask) => {
      const { rows, first } = await runsBefore(ask, this.size, guess);
      this.#atStart = first;
      this.#moved = rows.length;
      return { rows, end: 'start', last: true };
    });
    this.#cut = false;
  }

  #reset(): void {
    this.#cancel();
    this.rows = [];
    this.#atStart = false;
    this.#atEnd = false;
    const box = this.querySelector('.grid-scroll');
    if (box !== null) {
      box.scrollTop = 0;
    }
  }

  #after(): void {
    const last = this.rows.at(-1);
    if (this.page.state === 'ready' && !this.#atEnd && last !== undefined) {
      this.#ask(async (ask) => {
        const page = await ask(last.start + last.length, pageRows);
        return { rows: page.rows, end: 'after', last: page.next === undefined };
      });
    }
  }

  #before(): void {
    const [first] = this.rows;
    if (this.page.state === 'ready' && !this.#atStart && first !== undefined) {
      const guess = this.#guess();
      // The one that may be cut is asked for once more, whole.
      const end = this.#cut ? first.start + first.length : first.start;
      this.#ask(async (ask) => {
        const { rows, first: last } = await runsBefore(ask, end, guess);
        return { rows, end: 'before', last };
      });
    }
  }

  /** How many bytes a page of rows may take: as the rows that are there. */
  #guess(): bigint {
    const first = this.rows[0];
    const last = this.rows.at(-1);
    return first && last
      ? ((last.start + last.length - first.start) * BigInt(2 * pageRows)) / BigInt(this.rows.length)
      : this.size;
  }

  #ask(fetch: (ask: (from: bigint, count: number) => Promise<RunPage<Row>>) => Promise<Fetched>): void {
    const { client, space, snapshot } = this;
    this.#retry = () => this.#ask(fetch);
    this.#cancel = load(
      (signal, onProgress) =>
        fetch((from, count) =>
          space === 'host'
            ? client.call('hostExtents', { from, count }, { signal, onProgress })
            : client.call(
                'extents',
                { from, count, ...(snapshot === undefined ? {} : { snapshot }) },
                { signal, onProgress },
              ),
        ),
      (page) => {
        if (page.state === 'ready') {
          this.#take(page.value);
        }
        if (page.state !== 'cancelled') {
          this.page = page;
        }
      },
    );
  }

  #take({ rows, end, last }: Fetched): void {
    if (end === 'before') {
      const kept = this.#cut ? this.rows.slice(1) : this.rows;
      this.#moved = rows.length + kept.length - this.rows.length;
      this.#cut = false;
      this.#atStart = last;
      this.rows = [...rows, ...kept].slice(0, mostRows);
      this.#atEnd &&= rows.length + kept.length <= mostRows;
      return;
    }
    const all = [...this.rows, ...rows];
    const over = Math.max(0, all.length - mostRows);
    this.#atEnd = last;
    this.rows = over > 0 ? all.slice(over) : all;
    if (over > 0) {
      this.#moved = -over;
      this.#atStart = false;
      this.#cut = false;
    }
  }
}

customElements.define('qcow2-extents', ExtentTable);
