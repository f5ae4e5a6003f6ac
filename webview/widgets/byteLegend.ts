import { html, type TemplateResult } from 'lit';
import type { MapSpace } from '../../src/protocol/mapApi.ts';
import { type MapKind, mapWords, swatch } from './kinds.ts';

/** The kinds that bytes are coloured by. */
const kinds: Readonly<Record<MapSpace['space'], readonly MapKind[]>> = {
  host: [
    'header',
    'l1-table',
    'l2-table',
    'refcount-table',
    'refcount-block',
    'snapshot-table',
    'bitmap',
    'luks',
    'data',
    'compressed',
    'free',
  ],
  guest: ['data', 'compressed', 'zero-plain', 'unallocated', 'backing', 'backing-data', 'backing-zero', 'wrong'],
};

/** What the colours and the texts of bytes mean. */
export function byteLegend({ space }: MapSpace): TemplateResult {
  return html`<ul class="legend" aria-label="Kinds of bytes">
    ${kinds[space].map((kind) => {
      const words = mapWords[space][kind];
      return words && html`<li title=${words.meaning}>${swatch(kind)}${words.label}</li>`;
    })}
    <li class="quiet"><span class="number">·0</span> a zero that is stored nowhere</li>
    <li class="quiet"><span class="number">??</span> not known</li>
  </ul>`;
}
