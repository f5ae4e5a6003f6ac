import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { CheckGroup, FilteredGroup, FindingPlace } from '../../src/protocol/checkApi.ts';
import type { NumberedFinding } from '../checkState.ts';
import type { Finding, Image } from '../description.ts';
import { textOf } from '../findings.ts';
import { placesIn } from '../inspector/linkedText.ts';
import { panesOf } from '../panesOf.ts';
import { type CheckFinding, type Selection, select } from '../selection.ts';
import type { Pane } from '../state.ts';
import { placeWords } from '../widgets/findingList.ts';
import type { Column, RowEvent } from '../widgets/grid.ts';
import { severityIcon } from '../widgets/icon.ts';
import type { RowSource } from '../widgets/pagedRows.ts';
import { visible } from '../widgets/visible.ts';
import '../widgets/windowGrid.ts';
import type { OpenEvent } from '../widgets/windowGrid.ts';
import { groupWords } from './checkWords.ts';

const columns: readonly Column<NumberedFinding>[] = [
  { title: 'place', cell: ({ found: { chain } }) => html`<bdi>${visible(chain.replaceAll('->', '→'))}</bdi>` },
  {
    title: 'host offset',
    cell: ({ found: { host } }) => (host ? `${showOffset(host.offset)} + ${showSize(host.length)}` : nothing),
  },
  {
    title: 'guest offset',
    cell: ({ found: { guest } }) => (guest ? `${showOffset(guest.offset)} + ${showSize(guest.length)}` : nothing),
  },
  { title: 'what', cell: ({ found }) => html`<bdi>${textOf(found).title}</bdi>` },
];

/** What a group needs besides its findings. */
export interface GroupView {
  readonly image: Image;
  /** What the filter leaves of it; undefined where all of it is shown. */
  readonly left: FilteredGroup | undefined;
  /** The place of the selected finding among those that are shown; -1 where it is none of them. */
  readonly chosen: number;
  /** The findings that are shown in pages, where the list is open. */
  readonly rows: RowSource<NumberedFinding> | undefined;
  /** A row of the list is picked: to be shown in another pane where one is given. */
  readonly pick: (place: FindingPlace, pane?: Pane) => void;
  /** Opens or closes the list. */
  readonly toggle: () => void;
  readonly repair: () => void;
}

/** The findings of one code: the first of them in words, the others on demand. */
export function groupCard(group: CheckGroup, view: GroupView): TemplateResult {
  const { code, additional } = group;
  const { rows, image, left, chosen } = view;
  const { first, count, listed = count } = left ?? group;
  const { severity, title, meaning, qemu } = textOf(first);
  const own: CheckFinding = { kind: 'check-finding', code, index: left?.index ?? 0 };
  return html`<article class="check-group edge-${severity}" id="group-${code}" aria-labelledby="title-${code}">
    <p><span class="finding-title" id="title-${code}">${severityIcon(severity)}${title}</span>
      <span class="quiet">${groupWords(group, left)}</span></p>
    <p class="finding-where"><button
        class="link check-first"
        aria-current=${chosen === 0 ? 'true' : nothing}
        @click=${(event: Event) => select(event, own)}
      >${placeWords(first)}</button>${count === 1 ? nothing : html` and ${showCount(count - 1)} more`}</p>
    <p>${meaning} <span class="quiet">${
      qemu === undefined
        ? additional
          ? 'qemu-img check does not find it.'
          : nothing
        : html`${additional ? 'QEMU' : 'qemu-img'}: <q>${qemu}</q>`
    }</span></p>
    <p class="links">${placeLinks(image, first, own)}${entryLink(image, first)}
      ${severity === 'note' || image.noRepair !== undefined ? nothing : html`<button class="link" @click=${view.repair}>${count < group.count ? 'Repair all of this kind…' : 'Repair…'}</button>`}
      ${
        count === 1
          ? nothing
          : html`<button class="link" aria-expanded=${rows !== undefined} @click=${view.toggle}
              >${rows === undefined ? (listed < count ? 'List the first' : 'List all') : 'Close the list of'} ${showCount(listed)}</button>`
      }</p>
    ${rows === undefined ? nothing : list(code, title, rows, view)}
  </article>`;
}

/** Leads to the place of what explains other findings: the map, the bytes, the entry. */
export function causeLinks(image: Image, cause: Finding): TemplateResult {
  const { host, guest } = cause;
  const own: Selection | undefined = host
    ? { kind: 'host', start: host.offset, length: host.length }
    : guest && { kind: 'guest', start: guest.offset, length: guest.length };
  return html`<p class="links">${own && placeLinks(image, cause, own)}${entryLink(image, cause)}</p>`;
}

/** Leads to the map and to the bytes, where the finding has a place there; `own` is what is selected there. */
function placeLinks(image: Image, { host, guest }: Finding, own: Selection): TemplateResult | typeof nothing {
  if (host === undefined && guest === undefined) {
    return nothing;
  }
  const map = html`<button class="link" @click=${(event: Event) => select(event, own, 'map')}>Show on map</button>`;
  return html`${image.geometry === undefined ? nothing : map}<button
      class="link"
      @click=${(event: Event) => select(event, own, 'hex')}
    >Show bytes</button>`;
}

/** Leads to the last entry, field or structure of the finding's chain. */
function entryLink(image: Image, { chain }: Finding): TemplateResult | typeof nothing {
  const places = placesIn(chain, image).flatMap(({ selection }) => selection ?? []);
  const entry = places.findLast(({ kind }) => kind !== 'host' && kind !== 'guest');
  return entry === undefined
    ? nothing
    : html`<button class="link" @click=${(event: Event) => select(event, entry, panesOf(entry)[0])}>Show entry</button>`;
}

function list(
  code: CheckFinding['code'],
  title: string,
  rows: RowSource<NumberedFinding>,
  { chosen, pick }: GroupView,
): TemplateResult {
  const pickAt = (position: number, pane?: Pane): void => {
    const row = rows.row(position);
    if (row !== undefined) {
      pick({ code, index: row.index, position }, pane);
    }
  };
  return html`<qcow2-window-grid
    id="findings-${code}"
    class="check-findings rows-${Math.min(rows.count, 12)}"
    label="Findings: ${title}"
    .columns=${columns}
    .source=${rows}
    .selected=${chosen}
    @row=${({ index }: RowEvent) => pickAt(index)}
    @open=${({ index }: OpenEvent) => pickAt(index, 'hex')}
  ></qcow2-window-grid>`;
}
