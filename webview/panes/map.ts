import { html, nothing, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import { keyed } from 'lit/directives/keyed.js';
import { repeat } from 'lit/directives/repeat.js';
import type { ScanResult } from '../../src/protocol/imageApi.ts';
import type { Counterpart, Overlay } from '../../src/protocol/mapApi.ts';
import type { Loaded } from '../loaded.ts';
import type { Selection } from '../selection.ts';
import type { View } from '../widgets/cellGrid.ts';
import { heights } from '../widgets/cellLayout.ts';
import '../widgets/extentTable.ts';
import type { MapKind, SpaceName } from '../widgets/kinds.ts';
import { failure } from '../widgets/progress.ts';
import { namedSnapshots, snapshotNumber, snapshotWords } from '../widgets/snapshotChoice.ts';
import { visible } from '../widgets/visible.ts';
import type { HideEvent, ViewEvent } from './mapEvents.ts';
import { Latest } from './mapLatest.ts';
import { overlayWords } from './mapOverlays.ts';
import { spaceWords } from './mapParts.ts';
import './mapSpace.ts';
import { sectionCount } from './lists.ts';
import type { SpaceMap } from './mapSpace.ts';
import { choices, keptText, type MapState, overlayNames, stateOf } from './mapState.ts';
import { type PaneContent, PaneElement } from './pane.ts';

/** Milliseconds that a view must rest before it is kept, and the table follows it. */
const rest = 150;
/** Pixels from which on two maps are side by side. */
const wide = 1180;
const choiceWords = { guest: 'Guest', host: 'File', both: 'Both' } as const;
const spaces: readonly SpaceName[] = ['guest', 'host'];

/** The two maps of an image, of the guest's disk and of the file, and a table that says the same. */
export class MapPane extends PaneElement {
  static override properties = {
    ...PaneElement.properties,
    scan: { attribute: false },
    state: { state: true },
    from: { state: true },
    room: { state: true },
  };

  declare scan: Loaded<ScanResult>;
  declare private state: MapState;
  /** Where the table starts: an offset in its space. */
  private from = 0n;
  private room = 0;
  #counterpart = new Latest<Counterpart>(() => this.requestUpdate());
  #resting: ReturnType<typeof setTimeout> | undefined;
  #kept = '';
  #epoch = 0;
  #exact = new Set<SpaceName>();
  // In a frame of its own: what follows from a size changes sizes.
  #resized = new ResizeObserver(() => requestAnimationFrame(() => (this.room = this.clientWidth)));
  /** The reveal that this page has followed last. */
  static #revealed = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#counterpart.forget();
    clearTimeout(this.#resting);
  }

  override willUpdate(): void {
    if (!this.hasUpdated) {
      this.state = stateOf(this.content.kept);
      this.from = this.#startOfTable();
    }
    const { epoch } = this.content.session;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#counterpart.clear();
      this.#exact.clear();
    }
    this.#showLayerOf(this.content);
  }

  override render(): TemplateResult {
    const size = this.content.image.geometry?.virtualSize;
    if (size === undefined) {
      return html`<p class="statement">There is no map: the header can’t be read as qcow2.</p>`;
    }
    return html`
      ${this.#toolbar()}
      <div class="maps ${this.#sideBySide ? 'beside' : ''}">
        ${repeat(
          spaces.filter((space) => this.#shows(space)),
          // An element stays with its space.
          (space) => space,
          (space) => this.#map(space),
        )}
      </div>
      ${failure(this.#counterpart.loaded, 'Finding the counterpart', this.#counterpart.retry)}
      ${this.#table()}
    `;
  }

  override updated(): void {
    const { image, reveals, selection } = this.content;
    if (image.geometry === undefined || spaces.every((space) => !this.#drawable(space))) {
      this.settled();
    }
    if (image.geometry === undefined) {
      return;
    }
    this.#askCounterpart();
    if (reveals !== MapPane.#revealed) {
      MapPane.#revealed = reveals;
      this.#reveal(selection);
    }
  }

  get #sideBySide(): boolean {
    return this.state.shown === 'both' && this.room >= wide;
  }

  #shows(space: SpaceName): boolean {
    return this.state.shown === 'both' || this.state.shown === space;
  }

  #sizeOf(space: SpaceName): bigint {
    const { file, geometry, snapshots } = this.content.image;
    const { snapshot } = this.state;
    const disk = snapshot === undefined ? undefined : snapshots.items[snapshot]?.diskSize;
    return space === 'host' ? file.size : (disk ?? geometry?.virtualSize ?? 0n);
  }

  /** A map of no bytes has no cells. */
  #drawable(space: SpaceName): boolean {
    return this.#shows(space) && this.#sizeOf(space) > 0n;
  }

  #toolbar(): TemplateResult {
    const { shown, overlays } = this.state;
    const { bitmaps } = this.content.image;
    const usable = overlayNames.filter((name) => name !== 'bitmap' || bitmaps.items.length > 0);
    return html`<div class="toolbar map-toolbar">
      <span class="segments" role="group" aria-label="Maps">
        ${choices.map(
          (one) =>
            html`<button aria-pressed=${one === shown} @click=${() => this.#set({ shown: one, ...(one === 'both' ? {} : { table: one }) })}>${choiceWords[one]}</button>`,
        )}
      </span>
      ${this.#layers()}
      <span class="overlay-buttons" role="group" aria-label="Overlays">
        ${usable.map(
          (name) =>
            html`<button class="chip-toggle" aria-pressed=${overlays.includes(name)} title=${overlayWords[name].meaning} @click=${() => this.#toggleOverlay(name)}>${overlayWords[name].label}</button>`,
        )}
      </span>
      ${bitmaps.items.length > 1 && overlays.includes('bitmap') ? this.#bitmapChooser() : nothing}
    </div>`;
  }

  #layers(): TemplateResult | typeof nothing {
    const { image } = this.content;
    const snapshot = this.#layer;
    if (sectionCount(image.snapshots) === 0) {
      return nothing;
    }
    const pick = (event: Event): void => {
      const { value } = event.target as HTMLSelectElement;
      this.#set({ snapshot: value === '' ? undefined : Number(value) });
    };
    return html`<label>Layer <select class="chooser" @change=${pick}>
      <option value="" .selected=${snapshot === undefined}>Active layer</option>
      ${guard([image, snapshot], () =>
        namedSnapshots(image, snapshot).map(
          (index) =>
            html`<option value=${index} .selected=${index === snapshot}>${snapshotWords(image, index)}</option>`,
        ),
      )}
    </select></label>
    ${snapshotNumber(image, snapshot, (chosen) => this.#set({ snapshot: chosen }))}`;
  }

  #bitmapChooser(): TemplateResult {
    const { items } = this.content.image.bitmaps;
    const pick = (event: Event): void => this.#set({ bitmap: Number((event.target as HTMLSelectElement).value) });
    return html`<label>Bitmap <select class="chooser" @change=${pick}>
      ${items.map(({ name }, index) => html`<option value=${index} ?selected=${index === this.state.bitmap}>${visible(name)}</option>`)}
    </select></label>`;
  }

  #map(space: SpaceName): TemplateResult {
    const { state, content } = this;
    if (this.#sizeOf(space) === 0n) {
      return html`<p class="statement">${space === 'guest' ? 'The guest’s disk has no bytes.' : 'The file is empty.'}</p>`;
    }
    const counterpart = this.#counterpartFor(space);
    return html`<qcow2-space-map
      class="space-map"
      role="region"
      aria-label=${`Map of ${spaceWords[space].whole}`}
      data-space=${space}
      .content=${content}
      .space=${space}
      .snapshot=${space === 'guest' ? this.#layer : undefined}
      .size=${this.#sizeOf(space)}
      .view=${state.views[space]}
      .hiddenKinds=${this.#hiddenOf(space)}
      .overlays=${this.#overlaysShown}
      .bitmap=${this.#bitmap}
      .edition=${this.scan.state === 'ready' ? 'scanned' : ''}
      .selected=${this.#selectedIn(space)}
      .counterpart=${counterpart}
      .height=${state.shown === 'both' && !this.#sideBySide ? heights.half : heights.full}
      @view=${(event: ViewEvent) => this.#setView(space, event.view)}
      @hide=${(event: HideEvent) => this.#toggleKind(space, event.kind)}
      @qcow2-select=${() => this.#set({ table: space })}
      @exact=${() => this.#onExact(space)}
    ></qcow2-space-map>`;
  }

  #table(): TemplateResult | typeof nothing {
    const { table } = this.state;
    if (!this.#drawable(table)) {
      return nothing;
    }
    // Made anew for another image: nothing of the rows before is left.
    return html`${keyed(
      this.content.session.epoch,
      html`<qcow2-extents
      .client=${this.content.session.client}
      .space=${table}
      .snapshot=${table === 'guest' ? this.#layer : undefined}
      .size=${this.#sizeOf(table)}
      .from=${this.from}
      .selection=${this.content.selection}
    ></qcow2-extents>`,
    )}`;
  }

  /** The snapshot whose layer is shown, if the image has it (any more). */
  get #layer(): number | undefined {
    const { snapshot } = this.state;
    return snapshot !== undefined && snapshot < sectionCount(this.content.image.snapshots) ? snapshot : undefined;
  }

  get #bitmap(): number | undefined {
    const { length } = this.content.image.bitmaps.items;
    return length === 0 ? undefined : Math.min(this.state.bitmap, length - 1);
  }

  get #overlaysShown(): readonly Overlay[] {
    return this.#bitmap === undefined ? this.state.overlays.filter((name) => name !== 'bitmap') : this.state.overlays;
  }

  #hiddenSets: { readonly of: MapState['hidden']; readonly sets: Record<SpaceName, ReadonlySet<MapKind>> } | undefined;

  #hiddenOf(space: SpaceName): ReadonlySet<MapKind> {
    const { hidden } = this.state;
    if (this.#hiddenSets?.of !== hidden) {
      this.#hiddenSets = { of: hidden, sets: { guest: new Set(hidden.guest), host: new Set(hidden.host) } };
    }
    return this.#hiddenSets.sets[space];
  }

  /** What is selected in a space of the layer that is shown. */
  #selectedIn(space: SpaceName): View | undefined {
    const { selection, found } = this.content;
    if (found !== undefined) {
      const range = found[space];
      return range && { start: range.offset, length: range.length };
    }
    if (selection?.kind === 'guest' && space === 'guest') {
      return selection.snapshot === this.#layer ? selection : undefined;
    }
    return selection?.kind === 'host' && space === 'host' ? selection : undefined;
  }

  #askCounterpart(): void {
    const { selection, session } = this.content;
    const space = selection?.kind;
    if ((space !== 'guest' && space !== 'host') || this.state.shown !== 'both' || selection === undefined) {
      return;
    }
    const range = this.#selectedIn(space);
    if (range === undefined || range.length === 0n) {
      return;
    }
    const snapshot = this.#layer;
    const request = { space, ...range, ...(snapshot === undefined ? {} : { snapshot }) };
    const { start, length } = range;
    this.#counterpart.ask(`${space} ${start}+${length} ${snapshot}`, (signal, onProgress) =>
      session.client.call('counterpart', { ...request, space, start, length }, { signal, onProgress }),
    );
  }

  /** The counterpart of the selection, in the space in which it is not. */
  #counterpartFor(space: SpaceName): Counterpart | undefined {
    const { selection } = this.content;
    const { answer } = this.#counterpart;
    const other = space === 'guest' ? 'host' : 'guest';
    const range = selection?.kind === other ? this.#selectedIn(other) : undefined;
    return range && answer?.question === `${other} ${range.start}+${range.length} ${this.#layer}`
      ? answer.value
      : undefined;
  }

  #set(change: Partial<MapState>): void {
    const before = this.state;
    this.state = { ...before, ...change };
    if (this.state.table !== before.table || this.state.snapshot !== before.snapshot) {
      this.from = this.#startOfTable();
    }
    this.#keepSoon();
  }

  #setView(space: SpaceName, view: View | undefined): void {
    this.#set({ views: { ...this.state.views, [space]: view }, table: space });
  }

  #toggleKind(space: SpaceName, kind: MapKind): void {
    const { hidden } = this.state;
    const list = hidden[space];
    const next = list.includes(kind) ? list.filter((one) => one !== kind) : [...list, kind];
    this.#set({ hidden: { ...hidden, [space]: next } });
  }

  #toggleOverlay(name: Overlay): void {
    const { overlays } = this.state;
    this.#set({ overlays: overlayNames.filter((one) => overlays.includes(one) !== (one === name)) });
  }

  /** Keeps the state at once, and while there is more to come, only when it rests; the table follows then. */
  #keepSoon(): void {
    if (this.#resting === undefined) {
      this.#keepNow();
    }
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.from = this.#startOfTable();
      this.#keepNow();
    }, rest);
  }

  #keepNow(): void {
    const text = keptText(this.state);
    if (text !== this.#kept) {
      this.#kept = text;
      this.keep(text);
    }
  }

  /** At the selection where it is in view, else at the view's start. */
  #startOfTable(): bigint {
    const { table, views } = this.state;
    const { start, length } = views[table] ?? { start: 0n, length: this.#sizeOf(table) };
    const selected = this.#selectedIn(table)?.start;
    return selected !== undefined && selected >= start && selected < start + length ? selected : start;
  }

  #onExact(space: SpaceName): void {
    this.#exact.add(space);
    if (spaces.every((one) => !this.#drawable(one) || this.#exact.has(one))) {
      this.settled();
    }
  }

  /** What is selected in a snapshot is only seen in its layer. */
  #showLayerOf({ selection, reveals }: PaneContent): void {
    if (reveals === MapPane.#revealed) {
      return;
    }
    const space = selection && this.#spaceOf(selection);
    if (space === undefined) {
      return;
    }
    const snapshot = selection?.kind === 'guest' ? selection.snapshot : this.state.snapshot;
    this.state = {
      ...this.state,
      snapshot,
      table: space,
      shown: this.#shows(space) ? this.state.shown : 'both',
    };
  }

  #spaceOf(selection: Selection): SpaceName | undefined {
    return selection.kind === 'guest' || selection.kind === 'host'
      ? selection.kind
      : spaces.find((space) => this.#selectedIn(space) !== undefined);
  }

  #reveal(selection: Selection | undefined): void {
    for (const space of spaces) {
      const range = selection && this.#selectedIn(space);
      const map = this.querySelector<SpaceMap>(`[data-space=${space}]`);
      if (range !== undefined && map !== null) {
        map.reveal(range);
        this.from = range.start;
      }
    }
  }
}

customElements.define('qcow2-map', MapPane);
