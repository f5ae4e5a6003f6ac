import { html, type PropertyValues, type TemplateResult } from 'lit';
import { spaceKinds } from '../../src/protocol/mapApi.ts';
import { cellAt, cellRange, cellsOf, nearestCell, type Point, placeOf, type View } from './cellGrid.ts';
import { type CellMove, cellMove, MapEvent } from './cellKeys.ts';
import { gutter, margin } from './cellLayout.ts';
import { cellPixels, gapOf, type Mark, type OverlayValues, paintLabels, paintMarks, tileSize } from './cellPaint.ts';
import { drawTiles, type Palette, type Tiles } from './cellTiles.ts';
import type { CellValues } from './cellValues.ts';
import { rowLabels } from './cellWords.ts';
import { PageElement } from './element.ts';
import type { SpaceName } from './kinds.ts';

/** Pixels that the pointer may move in a click. */
const clickSlack = 4;
/** Pixels of the wheel that are one step of the zoom. */
const wheelStep = 60;

/**
 * The cells of a map on a canvas. What is done to it is told as `MapEvent`s: pointed at, picked, brushed over, panned,
 * zoomed. `painted` fires when all cells that are in view have been painted as they are in the image. The table of
 * extents of the map says the same in text.
 */
export class Cells extends PageElement {
  static override properties = {
    space: {},
    label: {},
    describedBy: {},
    values: { attribute: false },
    overlays: { attribute: false },
    marks: { attribute: false },
    hiddenKinds: { attribute: false },
    size: { attribute: false },
    brush: { state: true },
    cursor: { state: true },
  };

  space: SpaceName = 'guest';
  label = '';
  /** The id of the text that tells the keys. */
  describedBy = '';
  declare values: CellValues;
  overlays: readonly OverlayValues[] = [];
  marks: readonly Mark[] = [];
  /** Indices of the kinds that are not drawn. */
  hiddenKinds: ReadonlySet<number> = new Set();
  /** Bytes of the space. */
  size = 0n;
  /** What is being brushed over. */
  private brush: View | undefined = undefined;
  /** The offset that the keyboard is on. */
  private cursor: bigint | undefined = undefined;
  #palette: Palette | undefined;
  #tiles: { readonly tiles: Tiles; readonly palette: Palette } | undefined;
  #pixels: ImageData | undefined;
  #drag: { from: Point; fromCell: number; panned: number; kind: 'click' | 'pan' | 'brush' } | undefined;
  #wheel = 0;
  /** Where a range that is brushed over with the keyboard starts. */
  #anchor: bigint | undefined;
  #themed = new MutationObserver(() => {
    this.#palette = undefined;
    this.requestUpdate('values');
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.#themed.observe(document.body, { attributeFilter: ['class'] });
    this.#themed.observe(document.documentElement, { attributeFilter: ['style', 'class'] });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#themed.disconnect();
  }

  override render(): TemplateResult {
    return html`<div
        class="cells"
        role="application"
        tabindex="0"
        aria-label=${this.label}
        aria-describedby=${this.describedBy}
        data-exact=${this.values.exact}
        @keydown=${this.#onKey}
        @blur=${() => this.#moveCursor(undefined)}
        @pointerdown=${this.#onDown}
        @pointermove=${this.#onMove}
        @pointerup=${this.#onUp}
        @pointercancel=${this.#onCancel}
        @pointerleave=${() => this.#tell({ type: 'point', range: undefined })}
        @dblclick=${(event: MouseEvent) => this.#tell({ type: 'zoom', factor: 4, point: this.#pointOf(event) })}
        @wheel=${this.#onWheel}
      >
        <canvas aria-hidden="true"></canvas><canvas class="marks" aria-hidden="true"></canvas>
      </div>
      <span class="probes" aria-hidden="true">
        ${spaceKinds[this.space].map((kind) => html`<i class="kind-${kind}"></i>`)}<i class="probe-text">0</i><i
          class="probe-marker"></i><i class="probe-finding"></i>
      </span>`;
  }

  override updated(changed: PropertyValues): void {
    const [cells, marks] = this.querySelectorAll('canvas');
    if (cells === undefined || marks === undefined) {
      return;
    }
    const scale = window.devicePixelRatio;
    const { layout } = this.values.grid;
    const width = Math.ceil(gutter + layout.columns * layout.pitch.x + 3);
    const height = Math.ceil(layout.rows * layout.pitch.y + 2 * margin);
    this.#palette ??= this.#readPalette();
    if (changed.has('values') || changed.has('overlays') || changed.has('hiddenKinds')) {
      this.#paintCells(resize(cells, width, height, scale), this.#palette, scale);
    }
    const context = resize(marks, width, height, scale);
    if (context !== null) {
      paintMarks(context, this.values.grid, this.#allMarks(), this.#palette);
    }
    if (this.values.exact) {
      this.dispatchEvent(new Event('painted'));
    }
  }

  #paintCells(context: CanvasRenderingContext2D | null, palette: Palette, scale: number): void {
    if (context === null) {
      return;
    }
    const { grid } = this.values;
    const { width, height } = tileSize(grid, scale);
    const last = this.#tiles;
    const same = last?.palette === palette && last.tiles.width === width && last.tiles.height === height;
    const tiles = same ? last.tiles : drawTiles(this.space, palette, width, height, gapOf(scale));
    this.#tiles = { tiles, palette };
    this.#pixels = cellPixels(this.values, this.overlays, tiles, this.hiddenKinds, scale, this.#pixels);
    context.putImageData(this.#pixels, Math.round(gutter * scale), Math.round(margin * scale));
    paintLabels(context, grid, rowLabels(grid), palette);
  }

  #allMarks(): readonly Mark[] {
    const marks: Mark[] = this.brush ? [{ range: this.brush, style: 'selected' }] : [...this.marks];
    if (this.cursor !== undefined) {
      marks.push({ range: { start: this.cursor, length: 1n }, style: 'cursor' });
    }
    return marks;
  }

  #readPalette(): Palette {
    const probe = (selector: string): CSSStyleDeclaration => {
      const element = this.querySelector(`.probes > ${selector}`);
      return getComputedStyle(element ?? this);
    };
    const text = probe('.probe-text');
    return {
      kinds: spaceKinds[this.space].map((kind) => probe(`.kind-${kind}`).backgroundColor),
      text: text.color,
      font: `${text.fontSize} ${text.fontFamily}`,
      background: text.backgroundColor,
      marker: probe('.probe-marker').color,
      finding: probe('.probe-finding').color,
      highContrast: document.body.classList.contains('vscode-high-contrast'),
    };
  }

  #tell(detail: MapEvent['detail']): void {
    this.dispatchEvent(new MapEvent(detail));
  }

  #pointOf(event: MouseEvent): Point {
    const box = this.querySelector('canvas')?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
  }

  #rangeOf(from: number, to: number): View {
    const { grid } = this.values;
    const first = cellRange(grid, Math.min(from, to), this.size);
    const last = cellRange(grid, Math.max(from, to), this.size);
    return { start: first.start, length: last.start + last.length - first.start };
  }

  readonly #onDown = (event: PointerEvent): void => {
    const from = this.#pointOf(event);
    const fromCell = cellAt(this.values.grid, from);
    if (event.button !== 0 || fromCell < 0) {
      return;
    }
    this.#drag = { from, fromCell, panned: 0, kind: 'click' };
    this.querySelector('.cells')?.setPointerCapture(event.pointerId);
  };

  readonly #onMove = (event: PointerEvent): void => {
    const { grid } = this.values;
    const point = this.#pointOf(event);
    const drag = this.#drag;
    const cell = cellAt(grid, point);
    if (drag === undefined) {
      this.#tell({ type: 'point', range: cell < 0 ? undefined : this.#rangeOf(cell, cell) });
      return;
    }
    const across = point.x - drag.from.x;
    const down = point.y - drag.from.y;
    if (drag.kind === 'click' && Math.hypot(across, down) > clickSlack) {
      drag.kind = event.shiftKey ? 'brush' : 'pan';
    }
    if (drag.kind === 'brush') {
      this.brush = this.#rangeOf(drag.fromCell, nearestCell(grid, point));
      this.#tell({ type: 'point', range: this.brush });
    } else if (drag.kind === 'pan') {
      const { pitch, columns } = grid.layout;
      const panned = -Math.round(down / pitch.y) * columns - Math.round(across / pitch.x);
      const cells = panned - drag.panned;
      drag.panned = panned;
      if (cells !== 0) {
        this.#tell({ type: 'pan', cells });
      }
    }
  };

  readonly #onUp = (event: PointerEvent): void => {
    const drag = this.#drag;
    this.#drag = undefined;
    if (drag?.kind === 'click') {
      const anchor =
        this.cursor === undefined ? undefined : cellsOf(this.values.grid, { start: this.cursor, length: 1n });
      const from = event.shiftKey && anchor ? anchor.from : drag.fromCell;
      this.#tell({ type: 'pick', range: this.#rangeOf(from, drag.fromCell) });
      this.cursor = undefined;
    } else if (drag?.kind === 'brush' && this.brush) {
      this.#tell({ type: 'pick', range: this.brush });
    }
    this.brush = undefined;
  };

  readonly #onCancel = (): void => {
    this.#drag = undefined;
    this.brush = undefined;
  };

  readonly #onWheel = (event: WheelEvent): void => {
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 20;
    if (event.shiftKey) {
      const { columns, pitch } = this.values.grid.layout;
      event.preventDefault();
      this.#tell({ type: 'pan', cells: columns * Math.round(((event.deltaY || event.deltaX) * lines) / pitch.y) });
      return;
    }
    this.#wheel += event.deltaY * lines;
    const out = this.#wheel > 0;
    const zoom = new MapEvent({ type: 'zoom', factor: out ? 0.5 : 2, point: this.#pointOf(event) });
    if (Math.abs(this.#wheel) < wheelStep) {
      event.preventDefault();
      return;
    }
    this.#wheel = 0;
    // At the whole space the wheel goes on to scroll the page.
    if (!this.dispatchEvent(zoom)) {
      event.preventDefault();
    }
  };

  #moveCursor(to: bigint | undefined): void {
    this.cursor = to;
    this.#tell({ type: 'point', range: to === undefined ? undefined : this.#cellRangeOf(to) });
  }

  /** The bytes of the cell in which an offset is, in view or not. */
  #cellRangeOf(offset: bigint): View {
    const { cellSize } = this.values.grid;
    const start = offset - (offset % cellSize);
    return { start, length: start + cellSize > this.size ? this.size - start : cellSize };
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const { grid } = this.values;
    const move = cellMove(event, grid);
    if (move === undefined) {
      return;
    }
    event.preventDefault();
    this.#act(move, event.shiftKey);
  };

  #act(move: CellMove, extend: boolean): void {
    const { grid } = this.values;
    const entered = this.cursor ?? this.#firstMark() ?? grid.start;
    const cell = cellsOf(grid, { start: entered, length: 1n })?.from ?? 0;
    switch (move.type) {
      case 'pick':
        this.cursor = cellRange(grid, cell, this.size).start;
        this.#tell({ type: 'pick', range: this.brush ?? this.#rangeOf(cell, cell) });
        this.brush = undefined;
        break;
      case 'zoom':
        this.#tell({ type: 'zoom', factor: move.factor, point: placeOf(grid, cell) });
        break;
      case 'whole':
        this.#tell({ type: 'whole' });
        break;
      case 'leave':
        this.brush = undefined;
        this.#moveCursor(undefined);
        break;
      case 'edge':
        this.#goTo(move.to === 'start' ? 0n : this.#cellRangeOf(this.size - 1n).start);
        break;
      case 'move':
        this.#step(cell, move.cells, extend);
        break;
    }
  }

  #goTo(to: bigint): void {
    this.#tell({ type: 'go', to });
    this.#moveCursor(to);
  }

  /** Moves the cursor by so many cells, and the view along with it; the first key only enters the map. */
  #step(cell: number, cells: number, extend: boolean): void {
    const { grid } = this.values;
    if (this.cursor === undefined) {
      this.#moveCursor(cellRange(grid, cell, this.size).start);
      return;
    }
    const wanted = grid.start + grid.cellSize * BigInt(cell + cells);
    const last = this.#cellRangeOf(this.size - 1n).start;
    const to = wanted < 0n ? 0n : wanted > last ? last : wanted;
    if (cellsOf(grid, { start: to, length: 1n }) === undefined) {
      const { columns } = grid.layout;
      this.#tell({ type: 'pan', cells: Math.sign(cells) * Math.ceil(Math.abs(cells) / columns) * columns });
    }
    this.#anchor = extend ? (this.#anchor ?? cellRange(grid, cell, this.size).start) : undefined;
    const from = this.#anchor ?? to;
    const end = (from > to ? from : to) + grid.cellSize;
    const start = from > to ? to : from;
    const range = { start, length: (end > this.size ? this.size : end) - start };
    this.cursor = to;
    this.brush = extend ? range : undefined;
    this.#tell({ type: 'point', range });
  }

  #firstMark(): bigint | undefined {
    const { grid } = this.values;
    const inView = this.marks.find(({ style, range }) => style === 'selected' && cellsOf(grid, range) !== undefined);
    return inView && (inView.range.start > grid.start ? inView.range.start : grid.start);
  }
}

/** Gives a canvas its size, which clears it. */
function resize(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  scale: number,
): CanvasRenderingContext2D | null {
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

customElements.define('qcow2-cells', Cells);
