import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Image } from '../description.ts';
import { keySlotStates } from '../inspector/encryption.ts';
import { hostRange, type Selection, sameSelection, select } from '../selection.ts';
import { type Fact, facts } from '../widgets/facts.ts';
import '../widgets/grid.ts';
import type { Column, RowEvent } from '../widgets/grid.ts';
import { rowKeys } from '../widgets/rowKeys.ts';
import { visible } from '../widgets/visible.ts';
import { luksPicture } from './luksPicture.ts';
import { type PaneContent, PaneElement } from './pane.ts';

type Encryption = NonNullable<Image['encryption']>;
type Luks = NonNullable<Encryption['luks']>;

/** Bytes of a long text that fit into a row; the hex view has all of them. */
const bytesInRow = 8;

/** The encryption of guest data, as far as it can be told without a password. */
export class EncryptionPane extends PaneElement {
  override render(): TemplateResult {
    const { image } = this.content;
    if (image.header === undefined) {
      return html`<p class="statement">There is no header that could tell of encryption.</p>`;
    }
    return image.encryption === undefined
      ? html`<p class="statement">The image is not encrypted: whoever can read the file can read the guest’s data.</p>`
      : encryptionContent(this.content, image.encryption);
  }

  override updated(): void {
    this.settled();
    this.#reveal();
  }

  #lastReveals = 0;

  #reveal(): void {
    if (this.#lastReveals !== this.content.reveals) {
      this.#lastReveals = this.content.reveals;
      this.querySelector('[aria-selected=true], [aria-current=true]')?.scrollIntoView({ block: 'nearest' });
    }
  }
}

function encryptionContent({ selection }: PaneContent, encryption: Encryption): TemplateResult {
  const { method, luks } = encryption;
  const own: Selection = { kind: 'encryption' };
  return html`
    <button
      class="reference statement"
      aria-current=${sameSelection(own, selection) ? 'true' : nothing}
      @click=${(event: Event) => select(event, own)}
    >${methodTitles[method]}</button>
    <p>${methodWords[method]}</p>
    ${luks ? html`<p>${visible(luks.cipherWords)}</p>` : nothing}
    ${facts(glance(encryption))}
    ${luks ? luksContent(encryption, luks, selection) : noHeader(encryption)}
  `;
}

const methodTitles = { AES: 'AES, the legacy method', LUKS: 'LUKS', unknown: 'An unknown method' } as const;

const methodWords = {
  AES: 'Guest data is encrypted with AES-128 in CBC mode; the key is the password itself, and the image has no header for it. The method is weak and QEMU no longer runs machines on it, but qemu-img can still convert such an image. Tables are not encrypted.',
  LUKS: 'Guest data is encrypted with a master key that the LUKS header in the file keeps, once for each password. Tables and this header are not encrypted: what is shown here needs no password.',
  unknown: 'crypt_method is neither 0, 1 (AES) nor 2 (LUKS): QEMU refuses the image.',
} as const;

function glance({ offset, length, hash, uuid, luks }: Encryption): Fact[] {
  return [
    ['hash', hash === undefined ? undefined : visible(hash), 'of PBKDF2'],
    ['UUID', uuid === undefined ? undefined : visible(uuid)],
    [
      'LUKS area',
      offset === undefined ? undefined : hostLink(offset, length ?? 0n),
      length === undefined ? undefined : showSize(length),
    ],
    ['payload', luks && showOffset(luks.payloadOffset), 'from the LUKS header; not used'],
  ];
}

function hostLink(offset: bigint, length: bigint): TemplateResult {
  return html`<button class="link number" @click=${(event: Event) => select(event, hostRange(offset, length))}>${showOffset(offset)}</button>`;
}

function noHeader({ method, offset }: Encryption): TemplateResult | typeof nothing {
  if (method !== 'LUKS') {
    return nothing;
  }
  return html`<p class="tone-corruption">
    ${offset === undefined ? 'The image does not say where its LUKS header is.' : 'The LUKS header could not be read.'}
    The findings say why. Without it the guest’s data is lost.
  </p>`;
}

function luksContent(encryption: Encryption, luks: Luks, selection: Selection | undefined): TemplateResult {
  const area = { offset: encryption.offset ?? 0n, length: encryption.length ?? 0n };
  return html`
    <h2>LUKS area</h2>
    ${luksPicture(area, luks, selection)}
    <h2>Key slots</h2>
    ${slotTable(area.offset, luks, selection)}
    <h2>LUKS header</h2>
    ${headerTable(area.offset, luks, selection)}
  `;
}

function slotTable(area: bigint, { slots }: Luks, selection: Selection | undefined): TemplateResult {
  const columns: readonly Column<Luks['slots'][number]>[] = [
    { title: 'slot', cell: ({ index }) => String(index) },
    { title: 'state', cell: ({ state }) => keySlotStates[state] },
    { title: 'iterations', cell: ({ iterations }) => showCount(iterations) },
    { title: 'stripes', cell: ({ stripes }) => showCount(stripes) },
    { title: 'key material', cell: ({ material }) => showOffset(area + material.offset) },
    { title: 'length', cell: ({ material }) => showSize(material.length) },
    { title: 'salt', cell: ({ salt }) => start(salt) },
  ];
  return html`<qcow2-grid
    id="key-slots"
    class="key-slots lines-${slots.length}"
    label="Key slots"
    .columns=${columns}
    .rows=${slots}
    .total=${slots.length}
    .selected=${selection?.kind === 'key-slot' ? selection.index : -1}
    @row=${(event: RowEvent) => select(event, { kind: 'key-slot', index: event.index })}
  ></qcow2-grid>`;
}

function headerTable(area: bigint, { rows }: Luks, selection: Selection | undefined): TemplateResult {
  const titles = ['offset', 'size', 'field', 'bytes', 'value', 'meaning'];
  const chosen = rows.some((row) =>
    sameSelection(hostRange(area + BigInt(row.offset), BigInt(row.bytes.length)), selection),
  );
  return html`<table class="fields" role="grid" aria-label="Fields of the LUKS header" @keydown=${rowKeys}>
    <thead role="rowgroup">
      <tr role="row">${titles.map((title) => html`<th role="columnheader" class="col-${title}">${title}</th>`)}</tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map((row, at) => {
        const own = hostRange(area + BigInt(row.offset), BigInt(row.bytes.length));
        const selected = sameSelection(own, selection);
        return html`<tr
          role="row"
          tabindex=${selected || (!chosen && at === 0) ? 0 : -1}
          aria-selected=${selected}
          @click=${(event: Event) => select(event, own)}
        >
          <td role="gridcell" class="col-offset">${row.offset}</td>
          <td role="gridcell" class="col-size">${row.bytes.length}</td>
          <td role="gridcell" class="col-field">${row.name}</td>
          <td role="gridcell" class="col-bytes">${start(row.bytes)}</td>
          <td role="gridcell" class="col-value">${visible(row.shown)}</td>
          <td role="gridcell" class="col-meaning">${row.meaning === '' ? row.about : `${row.meaning}. ${row.about}`}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}

function start(bytes: Uint8Array): string {
  const shown = showHex(bytes.subarray(0, bytesInRow));
  return bytes.length > bytesInRow ? `${shown} …` : shown;
}

customElements.define('qcow2-encryption', EncryptionPane);
