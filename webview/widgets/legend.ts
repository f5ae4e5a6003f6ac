import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import { type KindCount, type SpaceCounts, type StepKind, spaceKinds } from '../../src/protocol/mapApi.ts';
import { icon } from './icon.ts';
import { type MapKind, mapWords, type SpaceName, swatch } from './kinds.ts';

/** What a legend shows and does. */
export interface Legend {
  readonly space: SpaceName;
  /** Exact numbers of the whole space; absent while they are not known. */
  readonly whole: SpaceCounts | undefined;
  /** Of what is in view, where that is not the whole; `waiting` while they are not known. */
  readonly inView: SpaceCounts | 'waiting' | undefined;
  readonly hidden: ReadonlySet<MapKind>;
  /** Of the file, while its references are not counted: what stands in for the numbers. */
  readonly notCounted: TemplateResult | undefined;
  readonly toggle: (kind: MapKind) => void;
  readonly step: (kind: StepKind, direction: 'next' | 'previous') => void;
}

/** The kinds of a map with their exact numbers; each can be hidden, and stepped through. */
export function legend(shown: Legend): TemplateResult {
  const { space, whole, notCounted } = shown;
  const rows = spaceKinds[space].map((kind, index) => ({ kind: kind as MapKind, count: whole?.kinds[index], index }));
  const late = rows.filter(({ kind }) => notCounted !== undefined && isLate(kind));
  const there = rows.filter(({ kind, count }) => !late.some((one) => one.kind === kind) && (count?.bytes ?? 1n) > 0n);
  const none = rows.filter((row) => !late.includes(row) && !there.includes(row) && !isRare(row.kind));
  // Before they are counted, only the usual ones of a space are named.
  const named = whole === undefined ? there.filter(({ kind }) => !isRare(kind)) : there;
  return html`<ul class="map-legend" aria-label=${space === 'guest' ? 'Kinds of the guest’s disk' : 'Kinds of the file'}>
      ${named.map(({ kind, count, index }) => row(shown, kind, count, index))}
      ${late.map(({ kind }) => html`<li>${toggle(shown, kind)}<span class="quiet">not counted yet</span></li>`)}
    </ul>
    ${notCounted ?? nothing}
    ${none.length === 0 ? nothing : html`<p class="quiet legend-none">none: ${none.map(({ kind }) => label(space, kind)).join(' · ')}</p>`}`;
}

function row(shown: Legend, kind: MapKind, count: KindCount | undefined, index: number): TemplateResult {
  const { inView, step, space } = shown;
  const viewed = inView === 'waiting' ? undefined : inView?.kinds[index];
  const name = label(space, kind);
  return html`<li>
    ${toggle(shown, kind)}
    <span class="legend-numbers">
      <span>${count === undefined ? html`<span class="quiet">counting…</span>` : amount(count)}</span>
      ${
        inView === undefined
          ? nothing
          : html`<span class="quiet legend-view">in view ${viewed === undefined ? '…' : amount(viewed)}</span>`
      }
    </span>
    ${stepButtons(name, (direction) => step(kind, direction))}
  </li>`;
}

/** Buttons that go to the previous and the next run of a kind. */
export function stepButtons(name: string, step: (direction: 'next' | 'previous') => void): TemplateResult {
  return html`<span class="legend-steps">
    <button class="tool" title=${`Previous: ${name}`} aria-label=${`Previous: ${name}`} @click=${() => step('previous')}>
      ${icon('chevron-left')}
    </button>
    <button class="tool" title=${`Next: ${name}`} aria-label=${`Next: ${name}`} @click=${() => step('next')}>
      ${icon('chevron-right')}
    </button>
  </span>`;
}

function toggle({ space, hidden, toggle: act }: Legend, kind: MapKind): TemplateResult {
  const isShown = !hidden.has(kind);
  return html`<button
    class="legend-toggle"
    aria-pressed=${isShown}
    title=${`${mapWords[space][kind]?.meaning ?? ''} ${isShown ? 'Click to hide it.' : 'Hidden; click to show it.'}`}
    @click=${() => act(kind)}
  >${swatch(kind)}<span>${label(space, kind)}</span></button>`;
}

function label(space: SpaceName, kind: MapKind): string {
  return mapWords[space][kind]?.label ?? kind;
}

/** Exact: clusters where they are whole, else bytes; the size beside them is rounded. */
function amount({ bytes, clusters }: KindCount): TemplateResult {
  const exactBytes = `${showCount(bytes)} bytes`;
  const exact = Number.isInteger(clusters) ? showCount(clusters) : exactBytes;
  return html`<span class="number" title=${exactBytes}>${exact}</span> <span class="quiet number">(${showSize(bytes)})</span>`;
}

/** Known only once the references are counted. */
function isLate(kind: MapKind): boolean {
  return kind === 'shared' || kind === 'leaked';
}

/** What most images have none of. */
function isRare(kind: MapKind): boolean {
  return kind.startsWith('backing') || kind === 'luks' || kind === 'bitmap' || kind === 'unknown' || kind === 'beyond';
}
