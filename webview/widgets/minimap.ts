import { html, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import { type SpacePicture, spaceKinds } from '../../src/protocol/mapApi.ts';
import type { View } from './cellGrid.ts';
import { MapEvent } from './cellKeys.ts';
import { strongest } from './cellValues.ts';
import { PageElement } from './element.ts';
import type { SpaceName } from './kinds.ts';

/** Cells side by side; the space goes on in the next row. */
const columns = 4;
/** Pixels of the least box that shows the view. */
const leastBox = 4;

/** The whole space beside its map, with a box around what the map shows, which can be dragged and moved by keys. */
export class Minimap extends PageElement {
  static override properties = {
    space: {},
    label: {},
    picture: { attribute: false },
    view: { attribute: false },
    size: { attribute: false },
    hiddenKinds: { attribute: false },
    height: { type: Number },
  };

  space: SpaceName = 'guest';
  label = '';
  declare picture: SpacePicture | undefined;
  /** What the map shows; undefined for all of it. */
  declare view: View | undefined;
  size = 0n;
  hiddenKinds: ReadonlySet<number> = new Set();
  /** Pixels. */
  height = 100;
  #dragging = false;
  #themed = new MutationObserver(() => this.requestUpdate());

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
    const { start, length } = this.view ?? { start: 0n, length: this.size };
    const at = this.#pixel(start);
    const box = Math.max(leastBox, this.#pixel(start + length) - at);
    const top = Math.min(at, this.height - box);
    return html`<div
        class="minimap"
        role="slider"
        tabindex="0"
        aria-label=${this.label}
        aria-orientation="vertical"
        aria-valuemin="0"
        aria-valuemax="1000"
        aria-valuenow=${this.size === 0n ? 0 : Number((start * 1000n) / this.size)}
        aria-valuetext=${this.view ? `${showSize(length)} from ${showOffset(start)}` : 'all'}
        .style=${`height: ${this.height}px`}
        @keydown=${this.#onKey}
        @pointerdown=${this.#onDown}
        @pointermove=${(event: PointerEvent) => this.#dragging && this.#go(event)}
        @pointerup=${() => (this.#dragging = false)}
        @pointercancel=${() => (this.#dragging = false)}
      >
        <canvas aria-hidden="true"></canvas>
        <div class="minimap-view" .style=${`top: ${top}px; height: ${box}px`}></div>
      </div>
      <span class="probes" aria-hidden="true">${spaceKinds[this.space].map((kind) => html`<i class="kind-${kind}"></i>`)}</span>`;
  }

  override updated(): void {
    const canvas = this.querySelector('canvas');
    const context = canvas?.getContext('2d');
    const { picture } = this;
    if (!canvas || !context) {
      return;
    }
    const rows = Math.max(1, Math.ceil((picture?.cells ?? 0) / columns));
    canvas.width = columns;
    canvas.height = rows;
    if (picture === undefined) {
      return;
    }
    const probes = [...this.querySelectorAll('.probes > i')];
    const colours = probes.map((probe) => getComputedStyle(probe).backgroundColor);
    for (let cell = 0; cell < picture.cells; cell++) {
      const { kind, fullness } = strongest(this.space, picture.parts, cell, this.hiddenKinds);
      context.globalAlpha = 0.4 + 0.6 * fullness;
      context.fillStyle = colours[kind] ?? 'transparent';
      context.fillRect(cell % columns, Math.floor(cell / columns), 1, 1);
    }
  }

  #pixel(offset: bigint): number {
    const part = this.size === 0n ? 0 : Number((offset * 100_000n) / this.size) / 100_000;
    return Math.round(Math.min(1, part) * this.height);
  }

  readonly #onDown = (event: PointerEvent): void => {
    if (event.button === 0) {
      this.#dragging = true;
      this.querySelector('.minimap')?.setPointerCapture(event.pointerId);
      this.#go(event);
    }
  };

  #go(event: PointerEvent): void {
    const top = this.querySelector('.minimap')?.getBoundingClientRect().top ?? 0;
    const part = Math.max(0, Math.min(0.999_999, (event.clientY - top) / this.height));
    this.#show((this.size * BigInt(Math.floor(part * 1_000_000))) / 1_000_000n);
  }

  #show(to: bigint): void {
    this.dispatchEvent(new MapEvent({ type: 'go', to: to < 0n ? 0n : to >= this.size ? this.size - 1n : to }));
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const { start, length } = this.view ?? { start: 0n, length: this.size };
    const middle = start + length / 2n;
    const places: Readonly<Record<string, bigint>> = {
      ArrowUp: middle - length / 8n,
      ArrowLeft: middle - length / 8n,
      ArrowDown: middle + length / 8n,
      ArrowRight: middle + length / 8n,
      PageUp: middle - length,
      PageDown: middle + length,
      Home: 0n,
      End: this.size - 1n,
    };
    const to = places[event.key];
    if (to !== undefined && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.#show(to);
    }
  };
}

customElements.define('qcow2-minimap', Minimap);
