import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex } from '../../src/engine/format/show.ts';
import type { BytePage, StructureSpan } from '../../src/protocol/hexApi.ts';
import type { RangeRequest } from '../../src/protocol/mapApi.ts';
import { byteWords } from '../hex/byteKinds.ts';
import { nameAt, selectionOf } from '../hex/places.ts';
import { printable } from '../widgets/hex.ts';
import { visible } from '../widgets/visible.ts';
import { ask } from './ask.ts';
import { type Context, link, section, text } from './parts.ts';

/** Bytes that are shown here; the hex pane has all. */
const mostBytes = 64n;
/** Structures that are listed here; the hex pane names each. */
const mostSpans = 24;
/** Bytes in a line. */
const lineBytes = 8;

/** The first bytes of a range, as far as they are known. */
export function bytesHere(context: Context, range: RangeRequest): TemplateResult {
  const length = range.length < mostBytes ? range.length : mostBytes;
  const title = length < range.length ? `First ${length} bytes` : 'Bytes';
  return ask(
    context,
    'bytes',
    { ...range, length },
    'Reading the bytes',
    (page) => html`${section(title, html`${page.runs.map((run) => runLines(page, run))}`)}`,
  );
}

/** Bytes of one kind: in hex where they are known, else what is known of them. */
function runLines(
  { bytes }: BytePage,
  { from, to, kind, why }: BytePage['runs'][number],
): TemplateResult | typeof nothing {
  const { nature, label } = byteWords[kind];
  const words = why === undefined ? label : `${label}: ${visible(why)}`;
  const note = kind === 'data' ? nothing : html`<p class="quiet">${words}</p>`;
  if (nature === 'unknown') {
    return note;
  }
  const starts = Array.from({ length: Math.ceil((to - from) / lineBytes) }, (_, line) => from + line * lineBytes);
  return html`<div class="bytes-here">
      ${starts.map((at) => {
        const line = bytes.subarray(at, Math.min(to, at + lineBytes));
        return html`<p>${text(showHex(line))} <span class="quiet number">${printable(line)}</span></p>`;
      })}
    </div>
    ${note}`;
}

/** What lies in a range of the file: header fields, tables by entry, other structures; each selects itself. */
export function structuresHere(context: Context, start: bigint, length: bigint): TemplateResult {
  const most = 2n ** 20n;
  const range = { start, length: length < most ? length : most };
  const show = (spans: readonly StructureSpan[]): TemplateResult =>
    html`${section('Structures', spanList(spans, start))}`;
  return html`${ask(context, 'structures', range, 'Reading the structures', show)}
    ${ask(context, 'tableStructures', range, 'Reading the tables’ places', show)}`;
}

function spanList(spans: readonly StructureSpan[], start: bigint): TemplateResult | undefined {
  if (spans.length === 0) {
    return undefined;
  }
  const more = spans.length - mostSpans;
  return html`<ul class="plain">
      ${spans.slice(0, mostSpans).map((span) => {
        const at = span.start > start ? span.start : start;
        const target = selectionOf(span, at);
        const name = nameAt(span, at).replaceAll('->', '→');
        return html`<li>${target === undefined ? text(name) : link(name, target.selection)}</li>`;
      })}
    </ul>
    ${more > 0 ? html`<p class="quiet">and ${showCount(more)} more: the hex pane names each.</p>` : nothing}`;
}
