import { html, nothing, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Counterpart, Overlay } from '../../src/protocol/mapApi.ts';
import { type Frame, type View, viewsAround } from '../widgets/cellGrid.ts';
import { icon } from '../widgets/icon.ts';
import type { SpaceName } from '../widgets/kinds.ts';
import { failure, progress } from '../widgets/progress.ts';
import type { MapData } from './mapData.ts';
import { overlayWords } from './mapOverlays.ts';

/** What a space is called. */
export const spaceWords: Readonly<Record<SpaceName, { title: string; whole: string; short: string }>> = {
  guest: { title: 'Guest disk', whole: 'the guest disk', short: 'disk' },
  host: { title: 'File', whole: 'the file', short: 'file' },
};

/** A button that is a picture. */
export function toolButton(name: string, label: string, enabled: boolean, act: () => void): TemplateResult {
  return html`<button class="tool" title=${label} aria-label=${label} ?disabled=${!enabled} @click=${act}>
    ${icon(name)}
  </button>`;
}

/** The way from the whole space to what is in view; each step of it can be gone back to. */
export function crumbs(
  space: SpaceName,
  view: View | undefined,
  frame: Frame,
  show: (view: View | undefined) => void,
): TemplateResult {
  const all = `all of ${showSize(frame.size)}`;
  return html`<nav class="crumbs" aria-label=${`Where in ${spaceWords[space].whole}`}>
    ${viewsAround(view, frame).map(
      (one) =>
        html`<button class="link" @click=${() => show(one)}>${one ? showSize(one.length) : all}</button
        ><span aria-hidden="true">›</span>`,
    )}
    <span class="quiet" aria-current="location">${view ? `${showSize(view.length)} from ${showOffset(view.start)}` : all}</span>
  </nav>`;
}

/** Where the selection of the other space is in this one, in words; empty where nothing is selected there. */
export function counterpartWords(space: SpaceName, counterpart: Counterpart | undefined): string {
  if (counterpart === undefined) {
    return '';
  }
  const { ranges, complete } = counterpart;
  const [first] = ranges;
  if (first === undefined) {
    return `The selection has no counterpart in ${spaceWords[space].whole}.`;
  }
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0n);
  const at = showOffset(first.offset);
  const where = ranges.length === 1 ? at : `${ranges.length} ranges from ${at} on`;
  return `Counterpart of the selection: ${where}, ${complete ? '' : 'at most '}${showSize(bytes)}`;
}

/** What is being read, what failed, and what was not found. */
export function mapStatus(data: MapData, overlays: readonly Overlay[], hasView: boolean): TemplateResult {
  const { picture, mini, whole, inView, found } = data;
  const nothingFound = found.loaded.state === 'ready' && found.loaded.value.range === undefined;
  return html`${progress(picture.loaded, 'Reading the map', picture.cancel)}
    ${failure(picture.loaded, 'Reading the map', picture.retry)}
    ${failure(mini.loaded, 'Reading the minimap', mini.retry)}
    ${failure(whole.loaded, 'Counting', whole.retry)}
    ${hasView ? failure(inView.loaded, 'Counting what is in view', inView.retry) : nothing}
    ${overlays.map((name) => overlayStatus(data, name))}
    ${progress(found.loaded, 'Looking for it', found.cancel)}
    ${failure(found.loaded, 'Looking for it', found.retry)}
    <p class="quiet found" role="status">${nothingFound ? 'There is no further one.' : nothing}</p>`;
}

function overlayStatus(data: MapData, name: Overlay): TemplateResult | typeof nothing {
  const latest = data.overlays.get(name);
  const what = `Reading: ${overlayWords[name].label}`;
  return latest === undefined
    ? nothing
    : html`${progress(latest.loaded, what, latest.cancel)} ${failure(latest.loaded, what, latest.retry)}`;
}

/** What stands in for the numbers of shared and leaked clusters until they are counted. */
export function countingPass(data: MapData): TemplateResult {
  const { counting } = data;
  const running = counting.loaded.state === 'loading';
  return html`<p class="links">
      <span class="quiet">Shared and leaked clusters are known once every reference has been counted.</span>
      <button class="link" ?disabled=${running} @click=${() => data.count()}>${running ? 'Counting…' : 'Count'}</button>
    </p>
    ${progress(counting.loaded, 'Counting references', counting.cancel)}
    ${failure(counting.loaded, 'Counting references', counting.retry)}`;
}
