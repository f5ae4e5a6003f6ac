import { html, nothing, type TemplateResult } from 'lit';
import type { EntryFilter, TableId } from '../../src/protocol/tableApi.ts';
import type { Image } from '../description.ts';
import { icon } from '../widgets/icon.ts';
import { snapshotWords } from '../widgets/snapshotChoice.ts';
import { sectionCount } from './lists.ts';
import { addressOfTable, type EntryAt, parentOf } from './tablesAt.ts';
import { filtersFor, filterWords, layerName } from './tablesWords.ts';

/** Snapshots that are offered by name; of more, one is chosen by its index. */
const mostNamed = 200;

/** What can be chosen above the table. */
export interface Choices {
  readonly image: Image;
  readonly table: TableId;
  readonly filter: EntryFilter;
  /** Index of the entry that is selected in the table. */
  readonly selected: number | undefined;
  readonly show: (table: TableId, index?: number) => void;
  readonly narrow: (filter: EntryFilter) => void;
}

/** The way to the table, and what of it is shown. */
export function tablesBar(choices: Choices): TemplateResult {
  return html`<div class="toolbar">${crumbs(choices)}<span class="grow"></span>
    <span class="table-choices">${rootChoice(choices)}${filterChoice(choices)}</span></div>`;
}

/** The L1 table or refcount table that the way to a table starts with. */
function rootOf(table: TableId): TableId {
  return parentOf(table)?.table ?? table;
}

/** `L1 (active) › L1[3] › L2[17]`: the tables on the way are links. */
function crumbs({ table, selected, show }: Choices): TemplateResult {
  const root = rootOf(table);
  const parent = parentOf(table);
  const steps = [
    crumb(rootName(root), table === root, () => show(root, parent?.index)),
    ...(parent ? [crumb(entryName(parent), true, () => undefined)] : []),
    ...(selected === undefined ? [] : [crumb(entryName({ table, index: selected }), true, () => undefined)]),
  ];
  return html`<nav aria-label="Way to the table">
    <ol class="table-way">
      ${parent === undefined ? nothing : upButton(parent, show)}
      ${steps.map((step, index) => html`<li>${index === 0 ? nothing : icon('chevron-right')}${step}</li>`)}
    </ol>
  </nav>`;
}

function crumb(words: string, here: boolean, go: () => void): TemplateResult {
  return here
    ? html`<span class="number">${words}</span>`
    : html`<button class="link number" @click=${go}>${words}</button>`;
}

function upButton(parent: EntryAt, show: Choices['show']): TemplateResult {
  const label = 'To the table that leads here (Backspace or Alt+Up)';
  return html`<li><button class="tool" title=${label} aria-label=${label} @click=${() => show(parent.table, parent.index)}>
    ${icon('arrow-up')}
  </button></li>`;
}

function rootName(root: TableId): string {
  return root.kind === 'l1' ? `L1 (${layerName(root)})` : 'refcount table';
}

function entryName({ table, index }: EntryAt): string {
  const names = { l1: 'L1', l2: 'L2', 'refcount-table': 'refcount_table', 'refcount-block': 'refcount' } as const;
  return `${names[table.kind]}[${index}]`;
}

/** Which tables: those of a layer, or the refcounts. */
function rootChoice({ image, table, show }: Choices): TemplateResult {
  const count = sectionCount(image.snapshots);
  const root = rootOf(table);
  const chosen = root.kind === 'l1' ? root.snapshot : undefined;
  const named = count <= mostNamed ? image.snapshots.items.map((_, index) => index) : [chosen ?? 0];
  const roots: readonly { readonly root: TableId; readonly words: string }[] = [
    { root: { kind: 'l1' }, words: 'Active layer' },
    ...named.map((index) => ({
      root: { kind: 'l1', snapshot: index } as const,
      words: count <= mostNamed ? snapshotWords(image, index) : 'A snapshot, by its index',
    })),
  ];
  const refcounts: TableId = { kind: 'refcount-table' };
  const pick = (event: Event): void => {
    const { value } = event.currentTarget as HTMLSelectElement;
    const next = [...roots.map((one) => one.root), refcounts].find((one) => addressOfTable(one) === value);
    if (next) {
      // The same entry of another layer.
      const index = next.kind === 'l1' && table.kind === 'l2' ? table.l1 : undefined;
      show(next, index);
    }
  };
  const address = addressOfTable(root);
  const option = (one: TableId, words: string): TemplateResult =>
    html`<option value=${addressOfTable(one)} .selected=${addressOfTable(one) === address}>${words}</option>`;
  return html`<select class="chooser" id="tables-root" aria-label="Layer, or refcounts" @change=${pick}>
      <optgroup label="Guest to host: L1, L2">${roots.map((one) => option(one.root, one.words))}</optgroup>
      <optgroup label="Reference counts">${option(refcounts, 'Refcount table, blocks')}</optgroup>
    </select>
    ${chosen === undefined || count <= mostNamed ? nothing : snapshotNumber(image, chosen, show)}`;
}

function snapshotNumber(image: Image, chosen: number, show: Choices['show']): TemplateResult {
  const last = sectionCount(image.snapshots) - 1;
  const pick = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement;
    if (input.checkValidity() && input.value !== '') {
      show({ kind: 'l1', snapshot: Number(input.value) });
    }
  };
  return html`<input class="chooser" type="number" aria-label="Index of the snapshot" title=${snapshotWords(image, chosen)} min="0" max=${last}
    .value=${String(chosen)} @change=${pick}>`;
}

function filterChoice({ image, table, filter, narrow }: Choices): TemplateResult {
  const filters = filtersFor(table, image.geometry?.extendedL2 === true);
  const pick = (event: Event): void => {
    const { value } = event.currentTarget as HTMLSelectElement;
    const next = filters.find((one) => one === value);
    if (next) {
      narrow(next);
    }
  };
  return html`<select class="chooser" id="tables-filter" aria-label="Which entries" @change=${pick}>
    ${filters.map((one) => html`<option value=${one} .selected=${one === filter}>${filterWords(one, table)}</option>`)}
  </select>`;
}
