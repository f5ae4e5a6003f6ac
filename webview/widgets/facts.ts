import { html, nothing, type TemplateResult } from 'lit';

/** A name and what it is. */
export type Fact = readonly [
  name: string,
  value: TemplateResult | string | typeof nothing | undefined,
  note?: string | undefined,
];

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
