import { html, nothing, type TemplateResult } from 'lit';
import { showCount } from '../../src/engine/format/show.ts';

/** A name and what it is. */
export type Fact = readonly [
  name: string,
  value: TemplateResult | string | typeof nothing | undefined,
  note?: string | undefined,
];

/** A size to the byte, beside the rounded one; undefined where that says it already. */
export function exactBytes(size: bigint | undefined): string | undefined {
  return size === undefined || size < 1024n ? undefined : `${showCount(size)} bytes`;
}

/** Names and values; those without a value are left out. */
export function facts(list: readonly Fact[]): TemplateResult {
  return html`<dl class="facts">
    ${list.map(([name, value, note]) =>
      value === undefined
        ? nothing
        : html`<div>
          <dt>${name}</dt>
          <dd><span class="number">${value}</span>${note ? html` <span class="quiet">${note}</span>` : nothing}</dd>
        </div>`,
    )}
  </dl>`;
}
