import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset } from '../../src/engine/format/show.ts';
import type { EntryFilter, TableId, TableRow, TableSummary } from '../../src/protocol/tableApi.ts';
import { type Loaded, load, settled } from '../loaded.ts';
import { hostRange, SelectEvent, select } from '../selection.ts';
import type { RowEvent } from '../widgets/grid.ts';
import { PagedRows } from '../widgets/pagedRows.ts';
import { failure, progress } from '../widgets/progress.ts';
import { subclusterLegend } from '../widgets/subclusters.ts';
import '../widgets/windowGrid.ts';
import type { OpenEvent, WindowGrid } from '../widgets/windowGrid.ts';
import { type PaneContent, PaneElement } from './pane.ts';
import {
  childOf,
  entryOf,
  firstView,
  indexIn,
  keptView,
  parentOf,
  sameTable,
  selectionOf,
  viewOf,
} from './tablesAt.ts';
import { tablesBar } from './tablesBar.ts';
import { columnsOf } from './tablesCells.ts';
import { absenceWords, everyFilter, placeNotes, sizeWords, tableName } from './tablesWords.ts';

/** A table that is open. */
interface Opened {
  readonly summary: TableSummary;
  readonly rows: PagedRows<TableRow>;
  /** Position of the row that is to be brought into view. */
  readonly position: number | undefined;
}

/** Where in a table one wants to be. */
interface Wanted {
  /** Position of the row at the top. */
  readonly top?: number;
  /** Index of an entry that is to be in view, … */
  readonly index?: number | undefined;
  /** … even if the filter leaves it out: then without it. */
  readonly orAll?: boolean;
  /** Where the table is not there: the one that would lead to it. */
  readonly orParent?: boolean;
}

/** Reveals that an earlier element of this pane has followed: it is made anew whenever its tab is shown. */
let followed = 0;

/**
 * The tables, entry by entry: L1 and L2 tables of each layer, refcount table and blocks. Only the rows in view are asked
 * for.
 */
export class TablesPane extends PaneElement {
  static override properties = {
    ...PaneElement.properties,
    table: { state: true },
    filter: { state: true },
    opened: { state: true },
    position: { state: true },
  };

  private table: TableId = firstView.table;
  private filter: EntryFilter = firstView.filter;
  private opened: Loaded<Opened> = { state: 'waiting' };
  /** Position of the selected row; -1 for none. */
  private position = -1;
  /** Index of the entry that `position` is of. */
  #marked: number | undefined;
  #top = 0;
  #cancel: () => void = () => undefined;
  #cancelMark: () => void = () => undefined;
  #hadFocus = false;
  #bring: number | undefined;
  #onRows = (): void => this.requestUpdate();

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#close();
  }

  override willUpdate(changed: PropertyValues): void {
    const before = changed.get('content') as PaneContent | undefined;
    if (!this.hasUpdated) {
      this.#begin();
    } else if (before && before.image !== this.content.image) {
      this.#show(this.table, this.filter, { top: this.#grid?.top ?? this.#top });
    }
    if (this.content.reveals !== followed) {
      this.#follow();
    }
    this.#mark();
  }

  override render(): TemplateResult {
    const { image } = this.content;
    if (image.geometry === undefined) {
      return html`<p class="statement">There are no tables: the header can’t be read as qcow2.</p>`;
    }
    const { table, filter } = this;
    const selected = indexIn(table, this.content.selection, image);
    return html`
      ${tablesBar({
        image,
        table,
        filter,
        selected,
        show: (next, index) => this.#show(next, 'all', { index }),
        narrow: (next) => this.#show(table, next, { index: selected }),
      })}
      ${progress(this.opened, filter === 'all' ? 'Opening the table' : 'Looking through the table', () => this.#cancel())}
      ${failure(this.opened, 'Reading the table', () => this.#show(table, filter, { top: this.#top }))}
      ${this.opened.state === 'ready' ? this.#content(this.opened.value) : nothing}
    `;
  }

  override updated(): void {
    this.#arrive();
    const { opened } = this;
    const noRows = opened.state !== 'ready' || opened.value.rows.count === 0;
    if (!this.content.image.geometry || (settled(opened) && (noRows || settled(opened.value.rows.state)))) {
      this.settled();
    }
  }

  /** Goes to where a row is to be in view, once the table is there, and gives it the focus that the last one had. */
  #arrive(): void {
    const grid = this.#grid;
    if (grid === null) {
      if (this.#hadFocus && this.opened.state === 'ready') {
        this.#hadFocus = false;
        this.querySelector<HTMLElement>('.statement')?.focus();
      }
      return;
    }
    if (this.#bring !== undefined) {
      grid.reveal(this.#bring);
      this.#bring = undefined;
      // What was pressed to come here may be gone.
      this.#hadFocus ||= document.activeElement === document.body;
    }
    if (this.#hadFocus) {
      this.#hadFocus = false;
      void grid.updateComplete.then(() => grid.focusRows());
    }
  }

  #content({ summary, rows }: Opened): TemplateResult {
    const { image, listed, session } = this.content;
    const { place, matching } = summary;
    const absence = absenceWords(place);
    if (absence !== undefined) {
      return html`<p class="statement" tabindex="-1" @keydown=${this.#onKey}>${absence}</p>`;
    }
    const notes = placeNotes(place, image);
    const extended = place.id.kind === 'l2' && image.geometry?.extendedL2 === true;
    return html`
      <p class="quiet">
        ${tableName(place.id)} at ${this.#placeLink(summary)} · ${sizeWords(place)}${extended ? ` · subclusters: ${subclusterLegend}` : ''}
        <span aria-live="polite">${this.filter === 'all' ? '' : `· ${showCount(matching)} of ${showCount(place.entries)} match`}</span>
      </p>
      ${notes.map((note) => html`<p class="note-line">${note}</p>`)}
      ${failure(rows.state, 'Reading entries', () => rows.retry())}
      ${
        matching === 0
          ? html`<p class="statement" tabindex="-1" @keydown=${this.#onKey}>${place.entries === 0 ? 'The table has no entries.' : 'No entry matches.'}</p>`
          : html`<qcow2-window-grid
            id="tables-grid"
            class="table-${place.id.kind} ${extended ? 'extended' : ''}"
            label=${tableName(place.id)}
            .columns=${columnsOf({
              image,
              listed,
              table: place.id,
              entryBytes: Math.max(1, place.entryBits / 8),
              diskSize: place.diskSize,
              tables: session.tables,
              open: (index) => this.#enter(index),
            })}
            .source=${rows}
            .start=${this.#top}
            .selected=${this.position}
            @row=${(event: RowEvent) => this.#pick(rows, event.index)}
            @open=${(event: OpenEvent) => this.#enter(rows.row(event.index)?.index)}
            @rested=${() => this.#keepView()}
            @keydown=${this.#onKey}
          ></qcow2-window-grid>`
      }
    `;
  }

  #placeLink({ place }: TableSummary): TemplateResult {
    const length = BigInt(Math.ceil((place.entries * place.entryBits) / 8));
    const pick = (event: Event): void => select(event, hostRange(place.offset, length));
    return html`<button class="link number" title="Select the table's bytes of the file" @click=${pick}>${showOffset(place.offset)}</button>`;
  }

  get #grid(): WindowGrid<TableRow> | null {
    return this.querySelector('qcow2-window-grid');
  }

  /** The view that was kept, or that which shows the selection. */
  #begin(): void {
    const kept = viewOf(this.content.kept, everyFilter);
    const entry = kept === undefined ? entryOf(this.content.selection, this.content.image) : undefined;
    if (entry) {
      this.#show(entry.table, 'all', { index: entry.index, orParent: true });
    } else {
      const { table, filter, top } = kept ?? firstView;
      this.#show(table, filter, { top });
    }
  }

  /** Shows the selection, if it is one of the tables'. */
  #follow(): void {
    followed = this.content.reveals;
    const entry = entryOf(this.content.selection, this.content.image);
    if (entry) {
      const same = sameTable(entry.table, this.table) && this.opened.state === 'ready';
      if (same && this.filter === 'all') {
        this.#bring = entry.index;
      } else {
        this.#show(entry.table, same ? this.filter : 'all', { index: entry.index, orAll: true, orParent: true });
      }
    }
  }

  #show(table: TableId, filter: EntryFilter, wanted: Wanted = {}): void {
    const { image, session } = this.content;
    if (image.geometry === undefined) {
      return;
    }
    this.#hadFocus ||= this.contains(document.activeElement) && document.activeElement?.closest('.toolbar') === null;
    this.#close();
    this.table = table;
    this.filter = filter;
    this.#top = wanted.top ?? 0;
    this.#marked = undefined;
    this.position = -1;
    const { index } = wanted;
    this.#cancel = load<Opened>(
      async (signal, onProgress) => {
        const request = { table, filter };
        const summary = await session.client.call('table', request, { signal, onProgress });
        const position =
          index === undefined
            ? undefined
            : await session.client.call('tablePosition', { ...request, index }, { signal, onProgress });
        return { summary, position, rows: this.#rowsOf(summary, request) };
      },
      (opened) => this.#opens(opened, wanted),
    );
    this.#keepView();
  }

  #opens(opened: Loaded<Opened>, { index, orAll, orParent }: Wanted): void {
    this.opened = opened;
    if (opened.state !== 'ready') {
      return;
    }
    const { position, summary } = opened.value;
    const parent = parentOf(this.table);
    if (orParent && parent && summary.place.state !== 'present') {
      this.#show(parent.table, 'all', { index: parent.index });
    } else if (orAll && position === undefined && this.filter !== 'all') {
      this.#show(this.table, 'all', { index });
    } else {
      opened.value.rows.addEventListener('change', this.#onRows);
      this.#bring = position;
    }
  }

  #rowsOf({ matching }: TableSummary, request: { readonly table: TableId; readonly filter: EntryFilter }) {
    const { client } = this.content.session;
    return new PagedRows<TableRow>(matching, (from, count, signal, onProgress) =>
      client.call('tableRows', { ...request, from, count }, { signal, onProgress }),
    );
  }

  #close(): void {
    this.#cancel();
    this.#cancelMark();
    if (this.opened.state === 'ready') {
      this.opened.value.rows.removeEventListener('change', this.#onRows);
      this.opened.value.rows.close();
    }
  }

  /** Finds the row of the selection. */
  #mark(): void {
    const { image, selection, session } = this.content;
    const index = indexIn(this.table, selection, image);
    if (this.filter === 'all' || index === undefined) {
      this.position = index ?? -1;
      this.#marked = index;
    } else if (index !== this.#marked && this.opened.state === 'ready') {
      this.#marked = index;
      this.position = -1;
      const request = { table: this.table, filter: this.filter, index };
      this.#cancelMark();
      this.#cancelMark = load(
        (signal) => session.client.call('tablePosition', request, { signal }),
        (found) => {
          if (found.state === 'ready') {
            this.position = found.value ?? -1;
          }
        },
      );
    }
  }

  #pick(rows: PagedRows<TableRow>, position: number): void {
    const row = rows.row(position);
    if (row !== undefined) {
      this.#cancelMark();
      this.#marked = row.index;
      this.position = position;
      this.dispatchEvent(new SelectEvent(selectionOf({ table: this.table, index: row.index })));
    }
  }

  /** Opens the table that an entry leads to. */
  #enter(index: number | undefined): void {
    const below = index === undefined ? undefined : childOf({ table: this.table, index });
    if (below) {
      this.#show(below, 'all');
    }
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const up = event.key === 'Backspace' || (event.key === 'ArrowUp' && event.altKey);
    const parent = up ? parentOf(this.table) : undefined;
    if (parent) {
      event.preventDefault();
      event.stopPropagation();
      this.#show(parent.table, 'all', { index: parent.index });
    }
  };

  #keepView(): void {
    const top = this.opened.state === 'ready' ? (this.#grid?.top ?? this.#top) : this.#top;
    this.#top = top;
    this.keep(keptView({ table: this.table, filter: this.filter, top }));
  }
}

customElements.define('qcow2-tables', TablesPane);
