import { html, nothing, type TemplateResult } from 'lit';
import { showSize } from '../../src/engine/format/show.ts';
import type { GuestKind } from '../../src/protocol/mapApi.ts';
import { type HostUse, type KindWords, swatch } from './kinds.ts';

/** One part of a bar. */
export interface Part {
  readonly kind: GuestKind | HostUse | 'leaked';
  readonly words: KindWords;
  readonly bytes: bigint;
  /** What is added or gone since the image was read before, in words; absent for nothing. */
  readonly difference?: string | undefined;
}

/** Bytes by kind as a bar, with a legend that has the exact numbers. Any part that is not nothing can be seen. */
export function spaceBar(title: string, parts: readonly Part[]): TemplateResult {
  const total = parts.reduce((sum, part) => sum + part.bytes, 0n);
  const said = parts.filter((part) => part.bytes > 0n).map((part) => `${part.words.label} ${showSize(part.bytes)}`);
  return html`<figure class="space">
    <figcaption>${title} <span class="quiet number">${showSize(total)}</span></figcaption>
    <div class="bar" role="img" aria-label="${title}: ${said.join(', ') || 'nothing'}">
      ${parts
        .filter((part) => part.bytes > 0n)
        .map(
          (part) =>
            html`<span class="kind-${part.kind}" .style=${`flex-grow: ${thousandths(part.bytes, total)}`}></span>`,
        )}
    </div>
    <ul class="legend">
      ${parts.map(
        (part) => html`<li title=${part.words.meaning}>
          ${swatch(part.kind)}${part.words.label} <span class="number">${showSize(part.bytes)}</span>
          ${share(part.bytes, total)}${
            part.difference === undefined ? nothing : html` <span class="changed number">${part.difference}</span>`
          }
        </li>`,
      )}
    </ul>
  </figure>`;
}

function thousandths(bytes: bigint, total: bigint): number {
  return total === 0n ? 0 : Number((bytes * 100_000n) / total) / 100;
}

function share(bytes: bigint, total: bigint): TemplateResult | typeof nothing {
  if (bytes === 0n || total === 0n) {
    return nothing;
  }
  const percent = thousandths(bytes, total) / 10;
  const words =
    percent < 0.1 ? '< 0.1' : percent > 99.9 && bytes < total ? '> 99.9' : String(Number(percent.toFixed(1)));
  return html`<span class="quiet number">(${words} %)</span>`;
}
