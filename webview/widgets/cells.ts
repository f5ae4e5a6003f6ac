import { html, type PropertyValues, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import type { MapPicture } from '../../src/protocol/mapApi.ts';
import type { GuestView } from '../guestView.ts';
import { type CellLayout, gutter, layOut, margin } from './cellLayout.ts';
import { type Palette, paintCells, paintFrame } from './cellPaint.ts';
import { PageElement } from './element.ts';
import { guestKinds, guestWords } from './kinds.ts';

/** Pixels between two offsets at the left, at least. */
const labelDistance = 26;

/**
 * The map's cells on a canvas. Arrows move a cursor, which is read out; Enter or a click picks a cell (`CellEvent`).
 * The table of extents below it says the same in text.
 */
export class Cells extends PageElement {
  static override properties = {
    picture: { attribute: false },
    selected: { attribute: false },
    label: {},
    cursor: { state: true },
    hovered: { state: true },
  };

  declare picture: MapPicture | undefined;
  /** The selected guest range, wherever it was selected. */
  declare selected: GuestView | undefined;
  label = '';
  private cursor = -1;
  private hovered = -1;
  #resized = new ResizeObserver(() => this.requestUpdate());
  #themed = new MutationObserver(() => this.requestUpdate());

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
    this.#themed.observe(document.body, { attributeFilter: ['class'] });
    this.#themed.observe(document.documentElement, { attributeFilter: ['style'] });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#themed.disconnect();
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('picture')) {
      this.cursor = -1;
      this.hovered = -1;
    }
  }

  override render(): TemplateResult {
    const told = this.hovered >= 0 ? this.hovered : this.cursor;
    return html`<div
        class="cells"
        role="application"
        tabindex="0"
        aria-label=${this.label}
        aria-describedby="cells-keys"
        @keydown=${this.#onKey}
        @blur=${() => (this.cursor = -1)}
        @mousemove=${(event: MouseEvent) => (this.hovered = this.#cellAt(event))}
        @mouseleave=${() => (this.hovered = -1)}
        @click=${(event: MouseEvent) => this.#pick(this.#cellAt(event))}
      >
        <canvas aria-hidden="true"></canvas>
      </div>
      <p class="readout" aria-live="polite">${
        told < 0
          ? html`<span id="cells-keys" class="quiet">
          Point at a cell, or go there with the arrow keys; Enter selects it.
        </span>`
          : this.#words(told)
      }</p>
      <span class="probes" aria-hidden="true">
        ${guestKinds.map((kind) => html`<i class="kind-${kind}"></i>`)}<i class="probe-text">0</i><i class="probe-marker"></i>
      </span>`;
  }

  override updated(): void {
    this.#paint();
  }

  get #layout(): CellLayout | undefined {
    return this.picture && layOut(this.clientWidth, this.picture.cells);
  }

  #paint(): void {
    const { picture } = this;
    const layout = this.#layout;
    const canvas = this.querySelector('canvas');
    const context = canvas?.getContext('2d');
    if (!picture || !layout || !canvas || !context || this.clientWidth === 0) {
      return;
    }
    const width = Math.ceil(gutter + layout.columns * layout.pitch.x + 2);
    const height = Math.ceil(layout.rows * layout.pitch.y + 2 * margin);
    const scale = window.devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    context.setTransform(scale, 0, 0, scale, 0, scale * margin);
    const palette = this.#palette();
    paintCells(context, picture, layout, palette, this.#labels(picture, layout));
    const marked = this.#marked(picture);
    if (marked !== undefined) {
      paintFrame(context, layout, marked.from, marked.to, palette);
    }
    if (this.cursor >= 0) {
      paintFrame(context, layout, this.cursor, this.cursor, palette);
    }
    this.dispatchEvent(new Event('painted'));
  }

  #labels(picture: MapPicture, layout: CellLayout): { row: number; text: string }[] {
    const every = 2 ** Math.ceil(Math.log2(labelDistance / layout.pitch.y));
    const step = Math.max(1, every);
    return Array.from({ length: Math.ceil(layout.rows / step) }, (_, index) => ({
      row: index * step,
      text: exactSize(picture.start + picture.cellSize * BigInt(index * step * layout.columns)),
    }));
  }

  #marked(picture: MapPicture): { from: number; to: number } | undefined {
    const { selected } = this;
    const end = picture.start + picture.cellSize * BigInt(picture.cells);
    if (!selected || selected.start >= end || selected.start + selected.length <= picture.start) {
      return undefined;
    }
    const cellOf = (at: bigint): number => {
      const cell = Number((at - picture.start) / picture.cellSize);
      return Math.max(0, Math.min(picture.cells - 1, cell));
    };
    return { from: cellOf(selected.start), to: cellOf(selected.start + selected.length - 1n) };
  }

  #palette(): Palette {
    const probes = [...this.querySelectorAll<HTMLElement>('.probes i')].map((probe) => getComputedStyle(probe));
    const text = probes[guestKinds.length];
    return {
      kinds: probes.slice(0, guestKinds.length).map((style) => style.backgroundColor),
      text: text?.color ?? 'CanvasText',
      font: text === undefined ? '12px monospace' : `${text.fontSize} ${text.fontFamily}`,
      background: text?.backgroundColor ?? 'Canvas',
      marker: probes[guestKinds.length + 1]?.color ?? 'Highlight',
      signs: document.body.classList.contains('vscode-high-contrast'),
    };
  }

  #words(cell: number): string {
    const { picture } = this;
    if (picture === undefined) {
      return '';
    }
    const start = picture.start + picture.cellSize * BigInt(cell);
    const parts = guestKinds
      .map((kind, index) => ({ kind, part: picture.parts[cell * guestKinds.length + index] ?? 0 }))
      .filter(({ part }) => part > 0)
      .sort((a, b) => b.part - a.part)
      .map(({ kind, part }) => (part === 1 ? guestWords[kind].label : `${guestWords[kind].label} ${share(part)}`));
    return `${showOffset(start)} · ${showSize(start)} + ${showSize(picture.cellSize)} · ${parts.join(', ')}`;
  }

  #cellAt(event: MouseEvent): number {
    const layout = this.#layout;
    const canvas = this.querySelector('canvas');
    if (!layout || !canvas || !this.picture) {
      return -1;
    }
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - gutter) / layout.pitch.x);
    const cell = Math.floor((event.clientY - box.top - margin) / layout.pitch.y) * layout.columns + column;
    return column >= 0 && column < layout.columns && cell >= 0 && cell < this.picture.cells ? cell : -1;
  }

  #pick(cell: number): void {
    if (this.picture && cell >= 0) {
      this.cursor = cell;
      this.dispatchEvent(
        new CellEvent(this.picture.start + this.picture.cellSize * BigInt(cell), this.picture.cellSize),
      );
    }
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const layout = this.#layout;
    if (!this.picture || !layout || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.#pick(Math.max(0, this.cursor));
      return;
    }
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: layout.columns,
      ArrowUp: -layout.columns,
      PageDown: 8 * layout.columns,
      PageUp: -8 * layout.columns,
      Home: -this.picture.cells,
      End: this.picture.cells,
    };
    const step = steps[event.key];
    if (step === undefined) {
      return;
    }
    event.preventDefault();
    const marked = this.#marked(this.picture)?.from ?? 0;
    this.cursor = this.cursor < 0 ? marked : Math.max(0, Math.min(this.picture.cells - 1, this.cursor + step));
  };
}

/** An offset in the largest unit that divides it, so that no label is rounded: `1280 KiB`, not `1.3 MiB`. */
function exactSize(bytes: bigint): string {
  let unit = 1n;
  while (bytes > 0n && bytes % (unit * 1024n) === 0n) {
    unit *= 1024n;
  }
  return `${bytes / unit} ${showSize(unit)
    .split(' ')[1]
    ?.replace(/^byte$/, 'bytes')}`;
}

function share(part: number): string {
  const hundredths = part * 100;
  return hundredths < 0.1 ? '< 0.1 %' : hundredths > 99.9 ? '> 99.9 %' : `${hundredths.toFixed(1)} %`;
}

/** A cell of the map was picked: its guest range. */
export class CellEvent extends Event {
  readonly view: GuestView;

  constructor(start: bigint, length: bigint) {
    super('cell');
    this.view = { start, length };
  }
}

customElements.define('qcow2-cells', Cells);
