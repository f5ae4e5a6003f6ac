import { html, type TemplateResult } from 'lit';
import { showHex, showOffset } from '../../src/engine/format/show.ts';
import { PageElement } from './element.ts';
import './grid.ts';
import type { Column } from './grid.ts';

const bytesPerLine = 8;

/** Bytes as hex with their characters, however many there are. `base` is the host offset of the first. */
export class HexDump extends PageElement {
  static override properties = { bytes: { attribute: false }, base: { attribute: false }, label: {} };

  bytes: Uint8Array = new Uint8Array();
  base = 0n;
  label = 'bytes';

  override render(): TemplateResult {
    const columns: Column<number>[] = [
      { title: 'at', cell: (at) => showOffset(this.base + BigInt(at)) },
      { title: 'bytes', cell: (at) => showHex(this.bytes.subarray(at, at + bytesPerLine)) },
      { title: 'text', cell: (at) => printable(this.bytes.subarray(at, at + bytesPerLine)) },
    ];
    const lines = Array.from({ length: Math.ceil(this.bytes.length / bytesPerLine) }, (_, line) => line * bytesPerLine);
    const offset = showOffset(this.base + BigInt(this.bytes.length)).length;
    return html`<qcow2-grid
      .style=${`--offset: ${Math.max(offset, 4)}ch`}
      id="hex"
      class="hex lines-${Math.min(lines.length, 16)}"
      .label=${this.label}
      .columns=${columns}
      .rows=${lines}
      .total=${lines.length}
    ></qcow2-grid>`;
  }
}

/** The ASCII characters of bytes, a dot for each of the others. */
export function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}

customElements.define('qcow2-hex', HexDump);
