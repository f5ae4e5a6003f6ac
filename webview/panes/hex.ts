import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset } from '../../src/engine/format/show.ts';
import type { MapSpace } from '../../src/protocol/mapApi.ts';
import { BytePages } from '../hex/bytePages.ts';
import { bytesFrom, describeByte, lookAt } from '../hex/describe.ts';
import { keepView, keptView, sameSpace, spaceName, spaceSize } from '../hex/hexView.ts';
import { type ByteMark, type MarkedPlace, placeOf, selectionOf } from '../hex/places.ts';
import type { ByteLook } from '../hex/rowNote.ts';
import { Structures } from '../hex/structures.ts';
import { callError } from '../loaded.ts';
import { addressOf, SelectEvent, type Selection } from '../selection.ts';
import '../widgets/byteGrid.ts';
import type { ByteGrid, CursorEvent, HoverEvent } from '../widgets/byteGrid.ts';
import { byteLegend } from '../widgets/byteLegend.ts';
import '../widgets/byteSearch.ts';
import type { ByteSearch, FoundEvent } from '../widgets/byteSearch.ts';
import '../widgets/byteTools.ts';
import type { ByteTools, SpaceEvent } from '../widgets/byteTools.ts';
import { numberTable, numberTableBytes } from '../widgets/numberTable.ts';
import { failure } from '../widgets/progress.ts';
import { type PaneContent, PaneElement } from './pane.ts';

/** Milliseconds after which a cursor that is moved by keys selects what it is on. */
const selectAfter = 200;

/** The bytes of the file and of the guest's disk, with what they belong to. */
export class HexPane extends PaneElement {
  static override properties = {
    ...PaneElement.properties,
    space: { state: true },
    cursor: { state: true },
    mark: { state: true },
    hovered: { state: true },
    said: { state: true },
  };

  private space: MapSpace = { space: 'host' };
  private cursor = 0n;
  /** The bytes of the selection, in `space`. */
  private mark: ByteMark | undefined = undefined;
  private hovered: bigint | undefined = undefined;
  /** What came of the last thing that was asked for. */
  private said = '';
  #pages: BytePages = new BytePages(0n, () => Promise.reject(new Error('no space')));
  #structures: Structures | undefined;
  /** The selection that this pane has made or shown last. */
  #shown: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  #goal: { readonly at: bigint; readonly top: boolean } | undefined;
  #focus = false;
  /** Grows whenever bytes may look otherwise. */
  #version = 0;
  readonly #look = (at: bigint): ByteLook => lookAt(this.#pages, this.#structures, at);
  readonly #onChange = (): void => {
    this.#version++;
    this.requestUpdate();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener('keydown', this.#onKey);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener('keydown', this.#onKey);
    clearTimeout(this.#timer);
    clearTimeout(this.#keepTimer);
    this.#pages.close();
    this.#structures?.close();
  }

  override willUpdate(changed: PropertyValues): void {
    if (!this.hasUpdated) {
      this.#start();
    }
    if (changed.has('content')) {
      this.#follow(changed.get('content') as PaneContent | undefined);
    }
  }

  override render(): TemplateResult {
    const { client } = this.content.session;
    return html`
      <qcow2-byte-tools
        .session=${this.content.session}
        .image=${this.content.image}
        .space=${this.space}
        .size=${this.#pages.size}
        .cursor=${this.cursor}
        .range=${this.#selectedRange}
        @space=${(event: SpaceEvent) => {
          this.#setSpace(event.space);
          this.#keepSoon();
        }}
        @found=${(event: FoundEvent) => this.#found(event)}
      ></qcow2-byte-tools>
      <qcow2-byte-search
        .client=${client}
        .space=${this.space}
        .cursor=${this.cursor}
        @found=${(event: FoundEvent) => this.#found(event)}
      ></qcow2-byte-search>
      ${
        this.#pages.error
          ? failure({ state: 'failed', error: this.#pages.error }, 'Reading the bytes', () => this.#pages.retry())
          : nothing
      }
      ${this.#structures ? failure(this.#structures.slow, 'Finding what the bytes belong to', () => this.#structures?.retry()) : nothing}
      ${this.#pages.size === 0n ? html`<p class="statement">There are no bytes.</p>` : this.#body()}
    `;
  }

  #body(): TemplateResult {
    return html`<div class="hex-body">
        ${this.#grid()}
        <div class="hex-status">
          <p class="readout" role="status">${this.#cursorWords()}</p>
          <p class="readout quiet" aria-hidden="true">
            ${this.hovered === undefined ? html`<span class="quiet">Point at a byte to see what it is.</span>` : this.#describe(this.hovered)}
          </p>
        </div>
        ${numberTable(bytesFrom(this.#pages, this.cursor, numberTableBytes))}
      </div>
      ${byteLegend(this.space)}`;
  }

  override updated(): void {
    const grid = this.#byteGrid;
    if (grid && this.#goal) {
      const { at, top } = this.#goal;
      this.#goal = undefined;
      if (top) {
        grid.showAt(at);
      } else {
        grid.reveal(at);
      }
    }
    if (grid && this.#focus) {
      this.#focus = false;
      void grid.updateComplete.then(() => grid.focusBytes());
    }
    if (this.#pages.size === 0n || (grid && this.#pages.settled && grid.view.end > 0n)) {
      this.settled();
    }
  }

  get #byteGrid(): ByteGrid | null {
    return this.querySelector<ByteGrid>('qcow2-bytes');
  }

  get #selectedRange(): ByteMark {
    return this.mark ?? { start: this.cursor, length: this.#pages.size > 0n ? 1n : 0n };
  }

  /** Begins where the view was left, unless something else has been selected since. */
  #start(): void {
    const { kept, selection } = this.content;
    const view = keptView(kept);
    this.space = view?.space ?? this.space;
    this.#openSpace();
    const address = selection && addressOf(selection);
    if (view && view.selection === address) {
      this.#shown = address;
      this.cursor = view.cursor;
      this.mark = view.mark;
      this.#goal = { at: view.top, top: true };
    }
  }

  #openSpace(): void {
    const { session, image } = this.content;
    const { client } = session;
    const { space } = this;
    this.#pages.close();
    this.#structures?.close();
    this.#pages = new BytePages(spaceSize(image, space), (start, length, signal) =>
      client.call('bytes', { ...space, start, length }, { signal }),
    );
    this.#pages.addEventListener('change', this.#onChange);
    this.#structures = space.space === 'host' ? new Structures(client, image.geometry !== undefined) : undefined;
    this.#structures?.addEventListener('change', this.#onChange);
  }

  #setSpace(space: MapSpace): void {
    if (!sameSpace(space, this.space)) {
      this.space = space;
      this.cursor = 0n;
      this.mark = undefined;
      this.hovered = undefined;
      this.#openSpace();
    }
  }

  /** Shows what was selected elsewhere. */
  #follow(before: PaneContent | undefined): void {
    const { selection, reveals, image, found, session } = this.content;
    const address = selection && addressOf(selection);
    const revealed = before !== undefined && before.reveals !== reveals;
    // A cursor that still moves is ahead of the selection: only another one than before is somebody else's.
    const same =
      before !== undefined &&
      before.found === found &&
      before.selection !== undefined &&
      addressOf(before.selection) === address;
    // A finding of the check may have to come first.
    const known = selection?.kind !== 'check-finding' || found !== undefined;
    if (selection === undefined || !known || ((same || address === this.#shown) && !revealed)) {
      return;
    }
    this.#shown = address;
    placeOf({ image, found, client: session.client }, selection).then(
      (place) => this.#showPlace(place, address),
      (thrown: unknown) => {
        this.said = `what is selected has no place to be shown: ${callError(thrown).message}`;
      },
    );
  }

  #showPlace(place: MarkedPlace | undefined, address: string | undefined): void {
    if (address !== this.#shown || !this.isConnected) {
      return;
    }
    if (place === undefined) {
      this.said = 'what is selected has no bytes of its own';
      return;
    }
    this.#setSpace(place.space);
    this.mark = { start: place.start, length: place.length };
    const last = this.#pages.size > 0n ? this.#pages.size - 1n : 0n;
    this.cursor = place.start < last ? place.start : last;
    this.#goal = { at: this.cursor, top: false };
    this.said = place.start > last ? 'what is selected is past the end' : '';
    // A link that has led here is gone; what still has the focus keeps it.
    this.#focus ||= document.activeElement === document.body;
    this.#keepSoon();
  }

  #grid(): TemplateResult {
    return html`<qcow2-bytes
      label=${`Bytes of: ${spaceName(this.content.image, this.space)}`}
      .pages=${this.#pages}
      .look=${this.#look}
      .version=${this.#version}
      .cursor=${this.cursor}
      .mark=${this.mark}
      @cursor=${(event: CursorEvent) => this.#moved(event)}
      @hover=${(event: HoverEvent) => {
        this.hovered = event.at;
      }}
      @view=${() => this.#viewed()}
    ></qcow2-bytes>`;
  }

  #describe(at: bigint): string {
    return describeByte(this.#pages, this.#structures, { image: this.content.image, ...this.space }, at);
  }

  #cursorWords(): string {
    const { mark } = this;
    const range =
      mark && mark.length > 1n ? ` · selected ${showOffset(mark.start)} + ${showCount(mark.length)} bytes` : '';
    return `${this.#describe(this.cursor)}${range}${this.said === '' ? '' : ` · ${this.said}`}`;
  }

  #viewed(): void {
    const view = this.#byteGrid?.view;
    if (view) {
      this.#structures?.want(view.start, view.end);
      this.#keepSoon();
      this.requestUpdate();
    }
  }

  #keepSoon(): void {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => {
      const { space, cursor, mark } = this;
      const top = this.#byteGrid?.top ?? 0n;
      this.keep(keepView({ space, cursor, mark, top, selection: this.#shown }));
    }, selectAfter);
  }

  #moved({ at, anchor, pointed }: CursorEvent): void {
    this.cursor = at;
    this.said = '';
    const { selection, mark } = anchor === undefined ? this.#selectionAt(at) : this.#rangeBetween(anchor, at);
    this.mark = mark;
    this.#shown = addressOf(selection);
    clearTimeout(this.#timer);
    const choose = (): void => {
      this.dispatchEvent(new SelectEvent(selection));
      this.#keepSoon();
    };
    if (pointed && anchor === undefined) {
      choose();
    } else {
      this.#timer = setTimeout(choose, selectAfter);
    }
  }

  #selectionAt(at: bigint): { selection: Selection; mark: ByteMark } {
    const [span] = this.#structures?.at(at) ?? [];
    return (span && selectionOf(span, at)) ?? this.#rangeBetween(at, at);
  }

  #rangeBetween(a: bigint, b: bigint): { selection: Selection; mark: ByteMark } {
    const start = a < b ? a : b;
    const mark = { start, length: (a < b ? b : a) - start + 1n };
    return { selection: this.#range(mark), mark };
  }

  #range({ start, length }: ByteMark): Selection {
    const { space, snapshot } = this.space;
    return space === 'host'
      ? { kind: 'host', start, length }
      : { kind: 'guest', start, length, ...(snapshot === undefined ? {} : { snapshot }) };
  }

  #found({ at, length }: FoundEvent): void {
    this.cursor = at;
    this.mark = { start: at, length };
    this.#goal = { at, top: false };
    const selection = this.#range(this.mark);
    this.#shown = addressOf(selection);
    this.dispatchEvent(new SelectEvent(selection));
    this.#keepSoon();
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const { key, ctrlKey, metaKey, shiftKey } = event;
    const search = this.querySelector<ByteSearch>('qcow2-byte-search');
    const inGrid = event.target instanceof Element && event.target.closest('.bytes-scroll') !== null;
    if ((ctrlKey || metaKey) && key.toLowerCase() === 'f') {
      search?.focusField();
    } else if (key === 'F3') {
      search?.step(shiftKey ? 'previous' : 'next');
    } else if ((ctrlKey || metaKey) && key.toLowerCase() === 'c' && inGrid) {
      this.querySelector<ByteTools>('qcow2-byte-tools')?.copy('hex');
    } else {
      return;
    }
    event.preventDefault();
  };
}

customElements.define('qcow2-hex-pane', HexPane);
