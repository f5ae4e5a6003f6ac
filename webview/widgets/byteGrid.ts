import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { BytePages } from '../hex/bytePages.ts';
import { ByteScroll } from '../hex/byteScroll.ts';
import { charText, hexText } from '../hex/byteText.ts';
import type { ByteMark } from '../hex/places.ts';
import { type ByteLook, rowNote, sameThing } from '../hex/rowNote.ts';
import { PageElement } from './element.ts';

/**
 * Bytes of any number, in rows of 8 or 16: offset, hex, characters, and what they are. Only the rows in view are in the
 * page. One stop for the Tab key; arrows, Page Up and Down, Home and End (with Ctrl: of the whole) move the cursor, and
 * with Shift extend the selection.
 *
 * Events: `cursor` (`CursorEvent`) when the cursor has moved, `hover` (`HoverEvent`), `view` when other bytes are in view.
 */
export class ByteGrid extends PageElement {
  static override properties = {
    label: {},
    pages: { attribute: false },
    look: { attribute: false },
    version: { attribute: false },
    cursor: { attribute: false },
    mark: { attribute: false },
    perRow: { state: true },
  };

  label = '';
  declare pages: BytePages;
  look: (at: bigint) => ByteLook = () => ({ kind: undefined, note: '' });
  /** Another one whenever `look` may give another answer. */
  version = 0;
  cursor = 0n;
  mark: ByteMark | undefined = undefined;
  private perRow: 8 | 16 = 16;
  readonly #scroll = new ByteScroll();
  #rowHeight = 20;
  #anchor: bigint | undefined;
  #inView = { start: -1n, end: -1n };
  #goal: bigint | undefined;
  #looks: { readonly first: bigint; readonly looks: readonly ByteLook[] } = { first: 0n, looks: [] };
  readonly #resized = new ResizeObserver(() => this.#measure());
  readonly #onChange = (): void => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.pages.removeEventListener('change', this.#onChange);
  }

  /** The offset of the first byte in view. */
  get top(): bigint {
    return this.#scroll.top * BigInt(this.perRow);
  }

  /** The range in view. */
  get view(): { readonly start: bigint; readonly end: bigint } {
    const start = this.top;
    const end = start + BigInt((this.#scroll.visible + 1) * this.perRow);
    return { start, end: end < this.pages.size ? end : this.pages.size };
  }

  /** Puts the row of an offset at the top. */
  showAt(at: bigint): void {
    this.#goal = at;
    this.requestUpdate();
  }

  /** Brings an offset into view, with some rows above it unless it is there already. */
  reveal(at: bigint): void {
    const row = at / BigInt(this.perRow);
    const { top, visible } = this.#scroll;
    if (row < top || row >= top + BigInt(visible)) {
      const above = BigInt(Math.min(4, Math.floor(visible / 3)));
      this.showAt((row > above ? row - above : 0n) * BigInt(this.perRow));
    }
  }

  /** Puts the focus into the grid. */
  focusBytes(): void {
    this.#box?.focus({ preventScroll: true });
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('pages')) {
      (changed.get('pages') as BytePages | undefined)?.removeEventListener('change', this.#onChange);
      this.pages.addEventListener('change', this.#onChange);
      this.#anchor = undefined;
      this.#inView = { start: -1n, end: -1n };
      this.#scroll.moveTo(0n);
    }
  }

  override render(): TemplateResult {
    const rows = this.#rows;
    const { top, visible, travel } = this.#scroll;
    const count = rows - top < BigInt(visible + 1) ? Number(rows - top) : visible + 1;
    const end = top + BigInt(count);
    this.#looks = this.#looksFrom(top, count);
    const row = this.cursor / BigInt(this.perRow);
    return html`<div
      class="bytes-scroll"
      id="bytes-box"
      role="grid"
      tabindex="0"
      aria-label=${this.label}
      aria-rowcount=${rows < 2n ** 31n ? Number(rows) + 1 : -1}
      aria-colcount=${this.perRow + 3}
      aria-multiselectable="true"
      aria-activedescendant=${row >= top && row < end ? `byte-${this.cursor}` : nothing}
      @keydown=${this.#onKey}
      @scroll=${this.#onScroll}
      @pointerdown=${this.#onPress}
      @pointermove=${this.#onMove}
      .style=${`--digits: ${this.#digits}ch; --chars: ${this.perRow * 1.2}ch`}
      @pointerleave=${() => this.dispatchEvent(new HoverEvent(undefined))}
    >
      <div class="bytes-window" role="rowgroup">
        ${this.#head()}
        ${Array.from({ length: count }, (_, index) => this.#row(top + BigInt(index)))}
      </div>
      <div class="bytes-room" role="presentation" .style=${`height: ${travel}px`}></div>
    </div>`;
  }

  override updated(): void {
    this.#measure();
    const { start, end } = this.view;
    if (start !== this.#inView.start || end !== this.#inView.end) {
      this.#inView = { start, end };
      this.pages.want(start, end);
      this.dispatchEvent(new Event('view'));
    }
  }

  get #rows(): bigint {
    const size = BigInt(this.perRow);
    return (this.pages.size + size - 1n) / size;
  }

  get #box(): HTMLElement | null {
    return this.querySelector('.bytes-scroll');
  }

  /** The looks of the bytes in view, and of the one before them: each is asked for several times. */
  #looksFrom(top: bigint, rows: number): { readonly first: bigint; readonly looks: readonly ByteLook[] } {
    const start = top * BigInt(this.perRow);
    const first = start > 0n ? start - 1n : start;
    const length = rows * this.perRow + Number(start - first);
    return { first, looks: Array.from({ length }, (_, index) => this.look(first + BigInt(index))) };
  }

  #lookAt(at: bigint): ByteLook {
    return this.#looks.looks[Number(at - this.#looks.first)] ?? this.look(at);
  }

  #head(): TemplateResult {
    const columns = Array.from({ length: this.perRow }, (_, index) => index.toString(16).padStart(2, '0'));
    return html`<div class="bytes-row bytes-head" role="row" aria-rowindex="1">
      <span class="bytes-at" role="columnheader">offset</span>
      <span class="bytes-hex" role="presentation">
        ${columns.map((text) => html`<span class="byte" role="columnheader">${text}</span>`)}
      </span>
      <span class="bytes-text" role="columnheader">text</span>
      <span class="bytes-note" role="columnheader">what it is</span>
    </div>`;
  }

  #row(row: bigint): TemplateResult {
    const start = row * BigInt(this.perRow);
    const cells = Array.from({ length: this.perRow }, (_, index) => this.#cell(start + BigInt(index)));
    const index = row < 2n ** 31n - 2n ? Number(row) + 2 : nothing;
    return html`<div class="bytes-row" role="row" aria-rowindex=${index}>
      <span class="bytes-at" role="rowheader">${this.#offsetText(start)}</span>
      <span class="bytes-hex" role="presentation">${cells.map(({ hex }) => hex)}</span>
      <span class="bytes-text" role="gridcell">${cells.map(({ char }) => char)}</span>
      <span class="bytes-note quiet" role="gridcell">${this.#note(row, start)}</span>
    </div>`;
  }

  #offsetText(at: bigint): string {
    return at.toString(16).padStart(this.#digits, '0');
  }

  /** Hex digits of the largest offset. */
  get #digits(): number {
    return Math.max(8, (this.pages.size > 0n ? this.pages.size - 1n : 0n).toString(16).length);
  }

  #cell(at: bigint): { hex: TemplateResult; char: TemplateResult | typeof nothing } {
    const byte = this.pages.at(at);
    if (byte.state === 'past-end') {
      return { hex: html`<span class="byte" role="gridcell"></span>`, char: nothing };
    }
    const own = this.#lookAt(at);
    const { kind } = own;
    const starts = own.note !== '' && at > 0n && !sameThing(own, this.#lookAt(at - 1n));
    const marked = this.mark !== undefined && at >= this.mark.start && at < this.mark.start + this.mark.length;
    const look = [
      'byte',
      `is-${byte.state}`,
      kind === undefined ? '' : `kind-${kind}`,
      starts ? 'starts' : '',
      marked ? 'marked' : '',
      at === this.cursor ? 'cursor' : '',
    ].join(' ');
    return {
      hex: html`<span
        class=${look}
        id=${`byte-${at}`}
        role="gridcell"
        data-byte=${String(at)}
        aria-selected=${marked}
        aria-label=${byte.state === 'loading' ? 'not loaded yet' : nothing}
        >${hexText(byte)}</span
      >`,
      char: html`<span class="char ${look}" data-byte=${String(at)}>${charText(byte)}</span>`,
    };
  }

  /** What is in the row, where it begins there or has entries; in the first row, also what goes on. */
  #note(row: bigint, start: bigint): string {
    const before = row > this.#scroll.top ? this.#lookAt(start - 1n).note : '';
    const looks = Array.from({ length: this.perRow }, (_, index) => start + BigInt(index))
      .filter((at) => at < this.pages.size)
      .map((at) => this.#lookAt(at));
    return rowNote(looks, before);
  }

  #measure(): void {
    const box = this.#box;
    if (box === null || box.clientHeight === 0) {
      return;
    }
    const row = this.querySelector<HTMLElement>('.bytes-head');
    const rowHeight = row?.offsetHeight ?? this.#rowHeight;
    const char = this.querySelector<HTMLElement>('.bytes-at')?.offsetWidth ?? 0;
    const cell = this.querySelector<HTMLElement>('.bytes-head .byte')?.offsetWidth ?? 20;
    // Offset, 16 bytes and their characters, with the space between them.
    const needed = char + 16 * cell + 16 * (cell / 2) + 48;
    const perRow = box.clientWidth < needed ? 8 : 16;
    if (perRow !== this.perRow) {
      this.#goal ??= this.top;
      this.perRow = perRow;
      return;
    }
    this.#rowHeight = rowHeight;
    const before = this.#scroll.top;
    const seen = this.#scroll.seen;
    const visible = this.#scroll.visible;
    const { travel } = this.#scroll;
    this.#scroll.resize(this.#rows, rowHeight, box.clientHeight - rowHeight);
    if (this.#goal !== undefined) {
      this.#scroll.moveTo(this.#goal / BigInt(perRow));
      this.#goal = undefined;
    }
    if (this.#scroll.travel !== travel || this.#scroll.visible !== visible || this.#scroll.top !== before) {
      this.requestUpdate();
    }
    const laidOut = this.querySelector<HTMLElement>('.bytes-room')?.offsetHeight === Math.round(this.#scroll.travel);
    if (laidOut && (seen !== this.#scroll.seen || Math.abs(box.scrollTop - this.#scroll.seen) >= 1)) {
      box.scrollTop = this.#scroll.seen;
    }
  }

  readonly #onScroll = (): void => {
    const box = this.#box;
    if (box === null || Math.abs(box.scrollTop - this.#scroll.seen) < 1) {
      return;
    }
    const again = this.#scroll.scrolled(box.scrollTop);
    if (again !== undefined) {
      box.scrollTop = again;
    }
    this.requestUpdate();
  };

  readonly #onPress = (event: PointerEvent): void => {
    const at = offsetOf(event);
    if (at !== undefined && event.button === 0) {
      this.#moveTo(at, event.shiftKey, true);
    }
  };

  readonly #onMove = (event: PointerEvent): void => {
    const at = offsetOf(event);
    this.dispatchEvent(new HoverEvent(at));
    if (at !== undefined && (event.buttons & 1) !== 0 && at !== this.cursor) {
      this.#moveTo(at, true, true);
    }
  };

  readonly #onKey = (event: KeyboardEvent): void => {
    const step = this.#stepOf(event);
    if (step === undefined || this.pages.size === 0n || event.altKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const last = this.pages.size - 1n;
    const to = this.cursor + step;
    this.#moveTo(to < 0n ? 0n : to > last ? last : to, event.shiftKey, false);
    this.#keepInView();
  };

  #stepOf({ key, ctrlKey, metaKey }: KeyboardEvent): bigint | undefined {
    const row = BigInt(this.perRow);
    const column = this.cursor % row;
    const page = row * BigInt(Math.max(1, this.#scroll.visible - 1));
    const whole = ctrlKey || metaKey;
    const steps: Readonly<Record<string, bigint>> = {
      ArrowRight: 1n,
      ArrowLeft: -1n,
      ArrowDown: row,
      ArrowUp: -row,
      PageDown: page,
      PageUp: -page,
      Home: whole ? -this.cursor : -column,
      End: whole ? this.pages.size : row - 1n - column,
      Enter: 0n,
      ' ': 0n,
    };
    return whole && key !== 'Home' && key !== 'End' ? undefined : steps[key];
  }

  /** The row of the cursor, scrolled to by no more than needed. */
  #keepInView(): void {
    const row = this.cursor / BigInt(this.perRow);
    const { top, visible } = this.#scroll;
    const last = top + BigInt(visible) - 1n;
    if (row < top) {
      this.showAt(row * BigInt(this.perRow));
    } else if (row > last) {
      this.showAt((row - BigInt(visible) + 1n) * BigInt(this.perRow));
    }
  }

  #moveTo(at: bigint, extend: boolean, pointed: boolean): void {
    const anchor = extend ? (this.#anchor ?? this.cursor) : at;
    this.#anchor = anchor;
    this.cursor = at;
    this.dispatchEvent(new CursorEvent(at, extend ? anchor : undefined, pointed));
  }
}

function offsetOf({ target }: Event): bigint | undefined {
  const cell = target instanceof HTMLElement ? target.closest<HTMLElement>('[data-byte]') : null;
  const text = cell?.dataset.byte;
  return text === undefined ? undefined : BigInt(text);
}

/** The cursor has moved. */
export class CursorEvent extends Event {
  readonly at: bigint;
  /** Where the selection began that is extended; undefined for a new one. */
  readonly anchor: bigint | undefined;
  /** By the mouse; else by keys, of which more may follow at once. */
  readonly pointed: boolean;

  constructor(at: bigint, anchor: bigint | undefined, pointed: boolean) {
    super('cursor');
    this.at = at;
    this.anchor = anchor;
    this.pointed = pointed;
  }
}

/** The mouse is over another byte, or over none. */
export class HoverEvent extends Event {
  readonly at: bigint | undefined;

  constructor(at: bigint | undefined) {
    super('hover');
    this.at = at;
  }
}

customElements.define('qcow2-bytes', ByteGrid);
