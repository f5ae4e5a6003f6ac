import { html, type TemplateResult } from 'lit';
import { mostNumberBytes, numberRows, textOf } from '../hex/numbers.ts';

/** Bytes of text that are shown. */
const textBytes = 24;

/** How many bytes `numberTable` uses. */
export const numberTableBytes = Math.max(mostNumberBytes, textBytes);

/** What is not seen, turns the text around it, or has no sign. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\ufffd]/gu;

/** The data inspector: the known bytes from the cursor on as numbers in both byte orders, and as text. */
export function numberTable(bytes: Uint8Array): TemplateResult {
  return html`<section class="numbers" aria-label="Data inspector" tabindex="0">
    <dl>
      ${numberRows(bytes).map(
        ({ name, bytes: length, little, big }) => html`<div>
          <dt>${name}</dt>
          ${
            length === 1
              ? html`<dd class="both">${value(big)}</dd>`
              : html`<dd>${order('BE', 'big endian', big)}</dd><dd>${order('LE', 'little endian', little)}</dd>`
          }
        </div>`,
      )}
      ${textRow('UTF-8', textOf(bytes.subarray(0, textBytes), 'utf-8'))}
      ${textRow('UTF-16LE', textOf(bytes.subarray(0, bytes.length & ~1).subarray(0, textBytes), 'utf-16le'))}
    </dl>
  </section>`;
}

function order(short: string, words: string, text: string | undefined): TemplateResult {
  return html`<abbr class="quiet" title=${words}>${short}</abbr> ${value(text)}`;
}

function value(text: string | undefined): TemplateResult {
  return text === undefined ? html`<span class="quiet">not known</span>` : html`<span class="number">${text}</span>`;
}

function textRow(name: string, text: string): TemplateResult {
  return html`<div><dt>${name}</dt><dd class="both"><bdi class="number">${text.replaceAll(unseen, '·')}</bdi></dd></div>`;
}
