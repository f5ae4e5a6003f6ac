import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Counterpart, MapSpace, Overlay, OverlayPicture, StepKind } from '../../src/protocol/mapApi.ts';
import { SelectEvent, type Selection } from '../selection.ts';
import {
  canZoomIn,
  cellsOf,
  type Frame,
  fitView,
  type Grid,
  gridOf,
  panBy,
  placeOf,
  revealView,
  type View,
  viewAround,
  zoomAt,
} from '../widgets/cellGrid.ts';
import { keyWords, type MapAction, MapEvent } from '../widgets/cellKeys.ts';
import type { Mark, OverlayValues } from '../widgets/cellPaint.ts';
import '../widgets/cells.ts';
import { type CellValues, onlyKind } from '../widgets/cellValues.ts';
import { cellWords, rangeWords } from '../widgets/cellWords.ts';
import { PageElement } from '../widgets/element.ts';
import { type MapKind, type SpaceName, spaceIndices } from '../widgets/kinds.ts';
import { legend, stepButtons } from '../widgets/legend.ts';
import '../widgets/minimap.ts';
import { MapData } from './mapData.ts';
import { HideEvent, ViewEvent } from './mapEvents.ts';
import { drawnOverlay, overlaySays, overlaySwatch, overlayWords } from './mapOverlays.ts';
import { counterpartWords, countingPass, crumbs, mapStatus, spaceWords, toolButton } from './mapParts.ts';
import type { PaneContent } from './pane.ts';

/** Pixels beside the cells for the minimap. */
const minimapRoom = 40;

/** What is shown now. */
interface Now {
  readonly frame: Frame;
  readonly view: View | undefined;
  readonly grid: Grid;
  readonly values: CellValues;
}

/**
 * The map of one space: cells with a minimap, where they are, what the pointer is on, and the legend.
 *
 * Events: `view` (`ViewEvent`) when another part is to be shown, `hide` (`HideEvent`) for a kind, `counted` when the
 * references have been counted, `exact` once all in view is painted or it is known that it will not be.
 */
export class SpaceMap extends PageElement {
  static override properties = {
    content: { attribute: false },
    space: {},
    snapshot: { attribute: false },
    size: { attribute: false },
    view: { attribute: false },
    hiddenKinds: { attribute: false },
    overlays: { attribute: false },
    bitmap: { attribute: false },
    edition: {},
    selected: { attribute: false },
    counterpart: { attribute: false },
    height: { type: Number },
    pointed: { state: true },
    room: { state: true },
  };

  declare content: PaneContent;
  space: SpaceName = 'guest';
  declare snapshot: number | undefined;
  /** Bytes of the space, as far as the description of the image tells. */
  size = 0n;
  declare view: View | undefined;
  hiddenKinds: ReadonlySet<MapKind> = new Set();
  overlays: readonly Overlay[] = [];
  declare bitmap: number | undefined;
  /** Another text when the overlays may tell something else. */
  edition = '';
  /** What is selected in this space. */
  declare selected: View | undefined;
  /** Where the selection of the other space is in this one. */
  declare counterpart: Counterpart | undefined;
  height = 448;
  private pointed: View | undefined = undefined;
  /** Pixels from left to right. */
  private room = 0;
  #data = new MapData(() => this.requestUpdate());
  #followed: unknown;
  /** What is to be brought into view as soon as the map has its size. */
  #toReveal: View | undefined;
  #now: Now | undefined;
  #hidden: ReadonlySet<number> = new Set();
  #pictures: readonly { readonly name: Overlay; readonly picture: OverlayPicture }[] = [];
  #drawn: readonly OverlayValues[] = [];
  // In a frame of its own: what follows from a size changes sizes.
  #resized = new ResizeObserver(() => requestAnimationFrame(() => (this.room = this.clientWidth)));

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#data.stop();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('hiddenKinds')) {
      this.#hidden = spaceIndices(this.space, this.hiddenKinds);
    }
    const { session } = this.content;
    this.#data.follow(session.client, this.#mapSpace, session.epoch);
    if (this.room === 0) {
      return;
    }
    const frame = this.frame;
    const view = this.view && fitView(this.view, frame);
    const grid = gridOf(view, frame);
    this.#now = { frame, view, grid, values: this.#data.valuesOf(grid) };
    this.#drawn = this.#overlays(this.#now);
    // Of a part of a cell nothing can be said.
    if (this.pointed && this.pointed.length < grid.cellSize && this.pointed.start + this.pointed.length < frame.size) {
      this.pointed = undefined;
    }
  }

  override render(): TemplateResult | typeof nothing {
    if (this.#now === undefined) {
      return nothing;
    }
    const { frame, view, grid, values } = this.#now;
    const words = spaceWords[this.space];
    return html`
      <div class="map-head">
        <h2>${words.title}</h2>
        ${crumbs(this.space, view, frame, (one) => this.#show(one))}
        <span class="tools">
          ${toolButton('zoom-out', `Show more of the ${words.short}`, view !== undefined, () => this.#zoom(1 / 4))}
          ${toolButton('zoom-in', `Show less of the ${words.short}, larger`, canZoomIn(view, frame), () => this.#zoom(4))}
          ${toolButton('screen-full', `Show the whole ${words.short}`, view !== undefined, () => this.#show(undefined))}
        </span>
      </div>
      <div class="map-body" .style=${`min-height: ${this.#bodyHeight(frame)}px`} >
        <qcow2-cells
          label=${`Map of ${words.whole}, ${grid.cells} cells`}
          describedBy=${`keys-${this.space}`}
          .space=${this.space}
          .values=${values}
          .overlays=${this.#drawn}
          .marks=${this.#marks()}
          .hiddenKinds=${this.#hidden}
          .size=${frame.size}
          @map=${this.#onMap}
          @painted=${this.#exact}
        ></qcow2-cells>
        <qcow2-minimap
          label=${`Part of ${words.whole} in view`}
          .space=${this.space}
          .picture=${this.#data.mini.answer?.value}
          .view=${view}
          .size=${frame.size}
          .hiddenKinds=${this.#hidden}
          .height=${this.#bodyHeight(frame) - 12}
          @map=${this.#onMap}
        ></qcow2-minimap>
      </div>
      <span class="spoken" id=${`keys-${this.space}`}>${keyWords}</span>
      <div class="map-said">
        <p class="readout" aria-live="polite">${this.#readout(values)}</p>
        <p class="quiet">${cellWords(grid, frame.cluster)}</p>
      </div>
      ${this.#counterpartLink()} ${mapStatus(this.#data, this.#overlayNames(), view !== undefined)}
      ${this.#legend(view)}
    `;
  }

  override updated(): void {
    const now = this.#now;
    if (now === undefined) {
      return;
    }
    const data = this.#data;
    data.show(now.grid);
    data.askWhole(now.frame.size);
    if (now.view !== undefined) {
      data.askInView(this.#within(now.view));
    }
    if (now.values.exact) {
      // Findings wait for the scan, where one comes: asked for now, they would start it before the maps are there.
      for (const name of this.#overlayNames().filter((one) => one !== 'findings' || !this.content.session.scanComes)) {
        data.askOverlay(name, now.grid, this.#bitmapOf(name), this.edition);
      }
    }
    const { state } = data.picture.loaded;
    if (state === 'failed' || state === 'cancelled') {
      this.#exact();
    }
    if (this.#pointsAtUnowned && this.pointed) {
      data.askRefcount(this.pointed.start);
    }
    this.#followFound();
    if (this.#toReveal !== undefined) {
      this.reveal(this.#toReveal);
    }
  }

  /** Brings a range into view, in a useful size. */
  reveal(range: View): void {
    this.#toReveal = this.#now === undefined ? range : undefined;
    if (this.#now !== undefined) {
      this.#show(revealView(range, this.#now.view, this.#now.frame));
    }
  }

  /** The space and the room that its map has. */
  get frame(): Frame {
    const { geometry } = this.content.image;
    return {
      size: this.#data.size ?? this.size,
      cluster: BigInt(geometry?.clusterSize ?? 65536),
      width: this.room - minimapRoom,
      height: this.height,
    };
  }

  get #mapSpace(): MapSpace {
    const { space, snapshot } = this;
    return space === 'host' ? { space } : { space, ...(snapshot === undefined ? {} : { snapshot }) };
  }

  /** The map is as high whatever is in view, so that what is below it stays. */
  #bodyHeight(frame: Frame): number {
    const { layout } = gridOf(undefined, frame);
    return Math.ceil(Math.max(layout.pitch.y * layout.rows, frame.height / 2)) + 12;
  }

  readonly #exact = (): void => {
    this.dispatchEvent(new Event('exact'));
  };

  /** The same list as before while nothing has changed: the cells are painted anew only for another one. */
  #overlays({ grid, frame, values }: Now): readonly OverlayValues[] {
    const pictures = values.exact
      ? this.#overlayNames().flatMap((name) => {
          const picture = this.#data.overlay(name, grid);
          return picture ? [{ name, picture }] : [];
        })
      : [];
    const same =
      pictures.length === this.#pictures.length &&
      pictures.every(({ name, picture }, at) => {
        const before = this.#pictures[at];
        return before?.name === name && before.picture === picture;
      });
    if (same) {
      return this.#drawn;
    }
    this.#pictures = pictures;
    return pictures.map(({ name, picture }) => drawnOverlay(name, picture, frame.cluster));
  }

  #bitmapOf(name: Overlay): number | undefined {
    return name === 'bitmap' ? this.bitmap : undefined;
  }

  #overlayNames(): readonly Overlay[] {
    return this.overlays.filter((name) => overlayWords[name].spaces.includes(this.space));
  }

  #marks(): readonly Mark[] {
    const marks: Mark[] = (this.counterpart?.ranges ?? []).map(({ offset, length }) => ({
      range: { start: offset, length },
      style: 'counterpart',
    }));
    return this.selected ? [...marks, { range: this.selected, style: 'selected' }] : marks;
  }

  #readout(values: CellValues): TemplateResult | string {
    const { pointed } = this;
    if (pointed === undefined) {
      return html`<span class="quiet">${counterpartWords(this.space, this.counterpart) || 'Point at a cell, or go there with the arrow keys; Enter selects it.'}</span>`;
    }
    const said = this.#drawn.map((one) => overlaySays(one, values.grid, pointed)).filter((words) => words !== '');
    return [rangeWords(this.space, values, pointed), ...this.#refcountWords(), ...said].join(' · ');
  }

  /** Of a cluster whose owner is not known yet: its refcount. */
  #refcountWords(): string[] {
    if (!this.#pointsAtUnowned) {
      return [];
    }
    const count = this.pointed && this.#data.refcountOf(this.pointed.start);
    return count === undefined ? [] : [`refcount ${count}`];
  }

  /** Whether the pointer is on one cluster of which only the refcount is known. */
  get #pointsAtUnowned(): boolean {
    const { pointed } = this;
    const now = this.#now;
    if (this.space !== 'host' || pointed === undefined || now === undefined || pointed.length > now.frame.cluster) {
      return false;
    }
    const cells = cellsOf(now.grid, pointed);
    return cells !== undefined && onlyKind(now.values, cells.from, 'host') === 'refcounted';
  }

  #counterpartLink(): TemplateResult | typeof nothing {
    const first = this.counterpart?.ranges[0];
    return first === undefined
      ? nothing
      : html`<p class="links"><button class="link" @click=${() => this.reveal({ start: first.offset, length: first.length })}>
          Show the counterpart in ${spaceWords[this.space].whole}
        </button></p>`;
  }

  #legend(view: View | undefined): TemplateResult {
    const data = this.#data;
    const clear = this.space === 'host' && !data.counted && data.picture.answer !== undefined;
    return html`${legend({
      space: this.space,
      whole: data.whole.answer?.value,
      inView: view === undefined ? undefined : (data.countsOf(this.#within(view)) ?? 'waiting'),
      hidden: this.hiddenKinds,
      notCounted: clear ? countingPass(data) : undefined,
      toggle: (kind) => this.dispatchEvent(new HideEvent(kind)),
      step: (kind, direction) => this.#step(kind, direction),
    })}
    ${
      this.#overlayNames().length === 0
        ? nothing
        : html`<ul class="map-legend overlays-legend" aria-label="Overlays">
          ${this.#overlayNames().map((name) => {
            const { label, meaning, step, one } = overlayWords[name];
            return html`<li>${overlaySwatch(name)}<span><b>${label}</b> <span class="quiet">${meaning}</span></span>
              ${stepButtons(one, (direction) => this.#step(step, direction))}</li>`;
          })}
        </ul>`
    }`;
  }

  #within({ start, length }: View): View {
    return { start, length: least(length, this.frame.size - start) };
  }

  readonly #onMap = (event: Event): void => {
    if (event instanceof MapEvent && this.#act(event.detail)) {
      event.preventDefault();
    }
  };

  /** True when it had an effect. */
  #act(action: MapAction): boolean {
    const { frame } = this;
    const view = this.view && fitView(this.view, frame);
    switch (action.type) {
      case 'point':
        if (this.pointed?.start !== action.range?.start || this.pointed?.length !== action.range?.length) {
          this.pointed = action.range;
        }
        return true;
      case 'pick':
        this.#select(action.range);
        return true;
      case 'pan':
        return this.#show(panBy(view, frame, action.cells));
      case 'zoom':
        return action.factor > 1 && !canZoomIn(view, frame)
          ? true
          : this.#show(zoomAt(view, frame, action.factor, action.point));
      case 'whole':
        return this.#show(undefined);
      case 'go':
        return view === undefined ? false : this.#show(viewAround(action.to, view.length, frame));
    }
  }

  /** Zooms by the buttons: around the selection where it is in view, else around the first cell. */
  #zoom(factor: number): void {
    const { frame } = this;
    const view = this.view && fitView(this.view, frame);
    const grid = gridOf(view, frame);
    this.#show(zoomAt(view, frame, factor, placeOf(grid, this.#selectedCell(grid))));
  }

  #selectedCell(grid: Grid): number {
    const end = grid.start + grid.cellSize * BigInt(grid.cells);
    const at = this.selected?.start;
    return at === undefined || at < grid.start || at >= end ? 0 : Number((at - grid.start) / grid.cellSize);
  }

  #show(view: View | undefined): boolean {
    const before = this.view;
    const same = before === view || (before?.start === view?.start && before?.length === view?.length);
    if (!same) {
      this.dispatchEvent(new ViewEvent(view));
    }
    return !same;
  }

  #select({ start, length }: View): void {
    const { space, snapshot } = this;
    const selection: Selection =
      space === 'host' ? { kind: space, start, length } : { kind: space, start, length, ...layer(snapshot) };
    this.dispatchEvent(new SelectEvent(selection));
  }

  #step(kind: StepKind, direction: 'next' | 'previous'): void {
    const { start, length } = this.view ?? { start: 0n, length: this.frame.size };
    const at = this.selected;
    const inView = at !== undefined && at.start >= start && at.start < start + length;
    const from = inView ? at.start : direction === 'next' ? start - 1n : start + length;
    this.#data.step(kind, direction, from, kind === 'dirty' ? this.bitmap : undefined);
  }

  /** Selects what was stepped to, and moves there without another zoom. */
  #followFound(): void {
    const { answer } = this.#data.found;
    if (answer === undefined || answer === this.#followed) {
      return;
    }
    this.#followed = answer;
    const { range } = answer.value;
    if (range !== undefined) {
      const found = { start: range.offset, length: range.length };
      this.#select(found);
      this.#bringIntoView(found);
    }
  }

  #bringIntoView({ start }: View): void {
    const { frame } = this;
    const view = this.view && fitView(this.view, frame);
    if (view !== undefined && (start < view.start || start >= view.start + view.length)) {
      this.#show(viewAround(start, view.length, frame));
    }
  }
}

function layer(snapshot: number | undefined): { snapshot?: number } {
  return snapshot === undefined ? {} : { snapshot };
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

customElements.define('qcow2-space-map', SpaceMap);
