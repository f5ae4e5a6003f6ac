import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset } from '../../src/engine/format/show.ts';
import { bitBefore, fieldBefore } from '../changes.ts';
import type { Bit, Extension, Header, Image, Mask, Row } from '../description.ts';
import { findingsAt, type Listed, textOf } from '../findings.ts';
import { type Selection, sameSelection, select } from '../selection.ts';
import '../widgets/grid.ts';
import { changed } from '../widgets/changed.ts';
import type { Column, RowEvent } from '../widgets/grid.ts';
import { icon, severityIcon } from '../widgets/icon.ts';
import { rowKeys } from '../widgets/rowKeys.ts';
import { visible } from '../widgets/visible.ts';

/** Bytes of a long field and of an extension that fit into a row; the Inspector shows all of them. */
const bytesInRow = { field: 8, extension: 16 };

/** The header, field by field, the feature masks, the extensions. */
export function headerPane(
  image: Image,
  listed: readonly Listed[],
  selection: Selection | undefined,
  before?: Image,
): TemplateResult {
  const { header } = image;
  if (header === undefined) {
    return html`<p class="statement">${visible(image.file.says)}</p><p class="quiet">There is no header to show.</p>`;
  }
  return html`
    ${fieldTable(header, listed, selection, before)}
    <h2>Features</h2>
    ${
      header.version < 3
        ? html`<p class="quiet">Version 2 has no feature masks: no feature is on.</p>`
        : header.features.map((mask) => maskRow(mask, selection, before))
    }
    <h2>Header extensions</h2>
    ${extensionTable(image.extensions, listed, selection)}
  `;
}

function fieldTable(
  header: Header,
  listed: readonly Listed[],
  selection: Selection | undefined,
  before: Image | undefined,
): TemplateResult {
  const chosen =
    selection?.kind === 'unknown-fields' ||
    (selection?.kind === 'field' && header.fields.some((row) => row.name === selection.name));
  return html`<table class="fields" role="grid" aria-label="Header fields" @keydown=${rowKeys}>
    <thead role="rowgroup">
      <tr role="row">
        ${['offset', 'size', 'field', 'bytes', 'value', 'meaning'].map((title) => html`<th role="columnheader" class="col-${title}">${title}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${header.fields.map((row, index) => fieldRow(header, row, listed, selection, !chosen && index === 0, fieldBefore(before, row)))}
      ${header.unknownFields === undefined ? nothing : unknownRow(header.unknownFields, listed, selection)}
    </tbody>
  </table>`;
}

function fieldRow(
  header: Header,
  row: Row,
  listed: readonly Listed[],
  selection: Selection | undefined,
  entry: boolean,
  old: Row | undefined,
): TemplateResult {
  const own: Selection = { kind: 'field', name: row.name };
  const chosen = sameSelection(own, selection);
  return html`<tr
    role="row"
    class=${row.present ? '' : 'absent'}
    tabindex=${chosen || entry ? 0 : -1}
    aria-selected=${chosen}
    data-field=${row.name}
    @click=${(event: Event) => select(event, own)}
  >
    <td role="gridcell" class="col-offset">${row.offset}</td>
    <td role="gridcell" class="col-size">${row.size}</td>
    <td role="gridcell" class="col-field">${row.name}</td>
    <td role="gridcell" class="col-bytes">${row.present ? hexStart(row.bytes, bytesInRow.field) : '–'}</td>
    <td role="gridcell" class="col-value">${old ? changed(shownOf(old), shownOf(row)) : shownOf(row)}</td>
    <td role="gridcell" class="col-meaning">
      ${row.present ? visible(row.meaning) : absence(header, row)}${marks(findingsAt(listed, `header.${row.name}`))}
    </td>
  </tr>`;
}

function shownOf(row: Row): string {
  return row.present ? visible(row.shown) : '–';
}

function unknownRow(
  unknown: NonNullable<Header['unknownFields']>,
  listed: readonly Listed[],
  selection: Selection | undefined,
): TemplateResult {
  const own: Selection = { kind: 'unknown-fields' };
  const chosen = sameSelection(own, selection);
  return html`<tr
    role="row"
    class="unknown"
    tabindex=${chosen ? 0 : -1}
    aria-selected=${chosen}
    @click=${(event: Event) => select(event, own)}
  >
    <td role="gridcell" class="col-offset">${unknown.offset}</td>
    <td role="gridcell" class="col-size">${unknown.bytes.length}</td>
    <td role="gridcell" class="col-field">unknown header fields</td>
    <td role="gridcell" class="col-bytes">${hexStart(unknown.bytes, bytesInRow.field)}</td>
    <td role="gridcell" class="col-value"></td>
    <td role="gridcell" class="col-meaning">
      kept as they are on every header update${marks(findingsAt(listed, 'header.unknownFields'))}
    </td>
  </tr>`;
}

/** Why a field is not there. */
export function absence(header: Header, row: Row): string {
  const where = header.version < 3 ? 'not in version 2' : `not in a header of ${header.length} bytes`;
  return `${where}; counts as ${row.shown}`;
}

function hexStart(bytes: Uint8Array, most: number): string {
  const start = showHex(bytes.subarray(0, most));
  return bytes.length > most ? `${start} … ${showCount(bytes.length - most)} more` : start;
}

/** Findings at the place that they belong to: each selects itself. */
function marks(found: readonly Listed[]): TemplateResult | typeof nothing {
  return found.length === 0
    ? nothing
    : html`${found.map(({ finding, selection }) => {
        const { severity, title } = textOf(finding);
        const pick = (event: Event): void => {
          event.stopPropagation();
          select(event, selection);
        };
        return html`<button class="mark tone-${severity}" @click=${pick}>${severityIcon(severity)}${title}</button>`;
      })}`;
}

function maskRow(mask: Mask, selection: Selection | undefined, before: Image | undefined): TemplateResult {
  return html`<div class="mask" role="group" aria-label="${mask.name} features">
    <span class="mask-name">${mask.name}</span>
    <span class="chips">
      ${mask.bits.map((bit) => chip(mask, bit, selection, bitBefore(before, mask.name, bit.bit, bit.set)))}
      ${mask.bits.length === 0 ? html`<span class="quiet">no bits</span>` : nothing}
    </span>
  </div>`;
}

function chip(mask: Mask, bit: Bit, selection: Selection | undefined, old: boolean | undefined): TemplateResult {
  const own: Selection = { kind: 'bit', mask: mask.name, bit: bit.bit };
  const refused = !bit.known && mask.name === 'incompatible';
  const state = bit.known ? (bit.set ? 'set' : 'clear') : refused ? 'set, unknown: QEMU refuses' : 'set, unknown';
  const style = bit.known ? (bit.set ? 'set' : 'clear') : refused ? 'refused' : 'unknown';
  const sign = { set: 'check', clear: 'circle-outline', refused: 'error', unknown: 'question' }[style];
  const name = bit.name === '' ? '' : ` ${visible(bit.name)}`;
  return html`<button
    class="chip ${style}"
    aria-current=${sameSelection(own, selection) ? 'true' : nothing}
    @click=${(event: Event) => select(event, own)}
  >${icon(sign)}${bit.bit}${name} · ${old === undefined ? state : changed(old ? 'set' : 'clear', state)}</button>`;
}

function extensionTable(
  extensions: readonly Extension[],
  listed: readonly Listed[],
  selection: Selection | undefined,
): TemplateResult {
  if (extensions.length === 0) {
    return html`<p class="quiet">None.</p>`;
  }
  const columns: readonly Column<Extension>[] = [
    { title: 'at', cell: (row) => showOffset(row.offset) },
    {
      title: 'type',
      cell: (row) =>
        html`<span class="number">${row.type.toString(16).padStart(8, '0')}</span> ${row.known ? row.name : html`<em class="tone-warning">unknown</em>`}`,
    },
    { title: 'length', cell: (row) => String(row.length) },
    { title: 'content', cell: (row, index) => html`${extensionContent(row)}${extensionSigns(index, listed)}` },
  ];
  return html`<qcow2-grid
    id="extensions"
    class="extensions lines-${Math.min(extensions.length, 16)}"
    label="Header extensions"
    .columns=${columns}
    .rows=${extensions}
    .total=${extensions.length}
    .selected=${selection?.kind === 'extension' ? selection.index : -1}
    @row=${(event: RowEvent) => select(event, { kind: 'extension', index: event.index })}
  ></qcow2-grid>`;
}

function extensionContent(row: Extension): string {
  return row.known ? visible(row.content) : `${hexStart(row.data, bytesInRow.extension)} · kept`;
}

function extensionSigns(index: number, listed: readonly Listed[]): (TemplateResult | string)[] {
  return findingsAt(listed, `extension[${index}]`).map(({ finding }) => {
    const { severity, title } = textOf(finding);
    return html` <span class="tone-${severity}">${severityIcon(severity)}${title}</span>`;
  });
}
