import { html, nothing, type TemplateResult } from 'lit';
import type { BitRow } from '../../src/engine/format/bits.ts';
import type { Image } from '../description.ts';
import { visible } from '../widgets/visible.ts';
import { linkedText } from './linkedText.ts';
import { rules, text } from './parts.ts';

/**
 * A 64-bit entry as bits, the highest first, and what each range of them means. Clusters that it names are links, unless
 * they are in an external data file.
 */
export function bitTable(rows: readonly BitRow[], word: bigint, image: Image): TemplateResult {
  const meaning = (words: string) => (image.dataFile === undefined ? linkedText(words, image) : visible(words));
  return html`${bitStrip(rows, word)}
    <dl class="pairs">
      ${[...rows].reverse().map(
        (row) => html`<div>
          <dt title=${row.about}>${bitWords(row)}</dt>
          <dd>
            ${row.name.replaceAll('_', ' ')}: ${text(row.shown)}
            ${row.meaning === '' ? nothing : html`<span class="quiet">${meaning(row.meaning)}</span>`}
            ${rules(row.rules.filter(({ kept }) => !kept))}
          </dd>
        </div>`,
      )}
    </dl>`;
}

function bitWords({ from, to }: BitRow): string {
  return from === to ? `bit ${from}` : `bits ${from}–${to}`;
}

/** The bits in two lines of 32. Only decoration: the table beside it says the same. */
function bitStrip(rows: readonly BitRow[], word: bigint): TemplateResult {
  const bits = Array.from({ length: 64 }, (_, index) => 63 - index);
  const rangeOf = (bit: number): number => rows.findIndex(({ from, to }) => bit >= from && bit <= to);
  return html`<div class="bits" aria-hidden="true">
    ${bits.map((bit) => {
      const set = ((word >> BigInt(bit)) & 1n) === 1n;
      return html`<span class="bit ${set ? 'set' : ''} ${rangeOf(bit) % 2 === 0 ? 'even' : ''}"></span>`;
    })}
  </div>`;
}
