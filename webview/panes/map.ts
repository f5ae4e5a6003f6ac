import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import type { ScanResult } from '../../src/protocol/imageApi.ts';
import type { MapPicture } from '../../src/protocol/mapApi.ts';
import type { GuestView } from '../guestView.ts';
import { type Loaded, load, settled } from '../loaded.ts';
import { addressOf, SelectEvent, type Selection, selectionAt } from '../selection.ts';
import '../widgets/cells.ts';
import { cellBudget } from '../widgets/cellLayout.ts';
import type { CellEvent } from '../widgets/cells.ts';
import '../widgets/extentTable.ts';
import { icon } from '../widgets/icon.ts';
import { guestKinds, guestWords, swatch } from '../widgets/kinds.ts';
import { failure, percent, progress } from '../widgets/progress.ts';
import { type PaneContent, PaneElement } from './pane.ts';

/**
 * The guest's disk by kind: cells, legend and a table of extents.
 */
export class MapPane extends PaneElement {
  static override properties = {
    ...PaneElement.properties,
    scan: { attribute: false },
    view: { state: true },
    picture: { state: true },
    from: { state: true },
  };

  declare scan: Loaded<ScanResult>;
  /** The part of the guest's disk that is shown; undefined for all of it. */
  private view: GuestView | undefined = undefined;
  private picture: Loaded<MapPicture> = { state: 'waiting' };
  private from = 0n;
  #cancel: () => void = () => undefined;
  #budget = 0;
  #resized = new ResizeObserver(() => this.#fit());

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#cancel();
  }

  override willUpdate(changed: PropertyValues): void {
    if (!this.hasUpdated) {
      this.view = viewAt(this.content.kept);
    }
    this.#followReveal(changed.get('content') as PaneContent | undefined);
    if (!this.hasUpdated || changed.has('view')) {
      const { start, length } = this.#shown;
      const selection = this.#selection;
      const inView = selection?.kind === 'guest' && selection.start >= start && selection.start < start + length;
      this.from = inView ? selection.start : start;
      if (this.#budget > 0) {
        this.#ask();
      }
    }
  }

  override render(): TemplateResult {
    const size = this.#size;
    if (size === undefined || size === 0n) {
      const why =
        size === 0n ? 'The guest’s disk has no bytes.' : 'There is no map: the header can’t be read as qcow2.';
      return html`<p class="statement">${why}</p>`;
    }
    const picture = this.picture.state === 'ready' ? this.picture.value : undefined;
    return html`
      <div class="toolbar">
        <span class="quiet">Guest disk, ${this.view ? `part of ${showSize(size)}` : `all of ${showSize(size)}`}</span>
        <span class="grow"></span>
        <span class="quiet">${picture && this.#cellWords(picture)}</span>
        <span class="tools">
        ${this.#button('zoom-out', 'Show more of the disk', this.view !== undefined, () => this.#zoom(2n))}
        ${this.#button('zoom-in', 'Show less of the disk, larger', this.#canZoomIn, () => this.#zoom(-2n))}
        ${this.#button('screen-full', 'Show the whole disk', this.view !== undefined, () => this.#show(undefined))}
        </span>
      </div>
      ${
        picture
          ? html`<qcow2-cells
            label=${`Map of the guest disk, ${picture.cells} cells`}
            .picture=${picture}
            .selected=${this.#selection?.kind === 'guest' ? this.#selection : undefined}
            @cell=${(event: CellEvent) => this.#pick(event.view)}
            @painted=${() => this.settled()}
          ></qcow2-cells>`
          : this.#waiting()
      }
      ${failure(this.picture, 'Reading the map', () => this.#ask())}
      ${this.#legend()}
      <qcow2-extents .client=${this.#session.client} .from=${this.from} .selection=${this.#selection}></qcow2-extents>
    `;
  }

  override updated(): void {
    this.#fit();
    if (this.#size === undefined || this.#size === 0n || this.picture.state === 'failed') {
      this.settled();
    }
  }

  get #session(): PaneContent['session'] {
    return this.content.session;
  }

  get #selection(): Selection | undefined {
    return this.content.selection;
  }

  /** What is to be shown on the map must be in its view. */
  #followReveal(before: PaneContent | undefined): void {
    const { selection } = this.content;
    if (before === undefined || before.reveals === this.content.reveals || selection?.kind !== 'guest') {
      return;
    }
    const { start, length } = this.#shown;
    if (selection.start < start || selection.start >= start + length) {
      this.#show(undefined);
    }
  }

  get #geometry(): { clusterSize: number; virtualSize: bigint } | undefined {
    const { image } = this.#session;
    return image.state === 'ready' ? image.value.geometry : undefined;
  }

  get #size(): bigint | undefined {
    return this.#geometry?.virtualSize;
  }

  get #clusterSize(): bigint {
    return BigInt(this.#geometry?.clusterSize ?? 65536);
  }

  /** The range in view, in whole clusters and within the disk. */
  get #shown(): GuestView {
    const size = this.#size ?? 0n;
    const { view } = this;
    return view && view.start < size
      ? { start: view.start, length: least(view.length, size - view.start) }
      : { start: 0n, length: size };
  }

  get #canZoomIn(): boolean {
    return this.#shown.length > 8n * this.#clusterSize;
  }

  #waiting(): TemplateResult | typeof nothing {
    return settled(this.picture)
      ? nothing
      : html`<div class="cells-waiting" aria-busy="true">${progress(this.picture, 'Reading the map')}</div>`;
  }

  #cellWords(picture: MapPicture): string {
    const clusters = picture.cellSize / this.#clusterSize;
    const count = clusters === 1n ? '1 cluster' : `${showCount(clusters)} clusters`;
    return `one cell = ${count} (${showSize(picture.cellSize)})`;
  }

  #button(name: string, label: string, enabled: boolean, act: () => void): TemplateResult {
    return html`<button class="tool" title=${label} aria-label=${label} ?disabled=${!enabled} @click=${act}>
      ${icon(name)}
    </button>`;
  }

  #legend(): TemplateResult {
    const known = this.scan.state === 'ready' ? this.scan.value.guest : undefined;
    const note = known ? nothing : html`<li class="quiet">${this.#notYet()}</li>`;
    return html`<ul class="legend" aria-label="Kinds, of the whole disk">
      ${this.view === undefined ? nothing : html`<li class="quiet">whole disk:</li>`}
      ${guestKinds.map((kind) => {
        const bytes = known?.[kind];
        const amount =
          bytes === undefined
            ? nothing
            : html` <span class="number">${this.#clusterWords(bytes)}</span> <span class="quiet number">(${showSize(bytes)})</span>`;
        return html`<li title=${guestWords[kind].meaning}>${swatch(kind)}${guestWords[kind].label}${amount}</li>`;
      })}
      ${note}
    </ul>`;
  }

  #notYet(): string {
    switch (this.scan.state) {
      case 'loading':
        return `counting… ${percent(this.scan)}`;
      case 'failed':
        return 'could not be counted';
      case 'waiting':
      case 'cancelled':
      case 'ready':
        return 'not counted';
    }
  }

  /** Exact: clusters where they are whole, else bytes. */
  #clusterWords(bytes: bigint): string {
    return bytes % this.#clusterSize === 0n ? showCount(bytes / this.#clusterSize) : `${showCount(bytes)} bytes`;
  }

  #pick(view: GuestView): void {
    const end = least(view.start + view.length, this.#size ?? 0n);
    this.from = view.start;
    this.dispatchEvent(new SelectEvent({ kind: 'guest', start: view.start, length: end - view.start }));
  }

  #show(view: GuestView | undefined): void {
    this.view = view;
    this.keep(view && addressOf({ kind: 'guest', ...view }));
  }

  /** Twice (2) or half (-2) of what is shown, around the selection where it is in view. */
  #zoom(factor: 2n | -2n): void {
    const size = this.#size ?? 0n;
    const cluster = this.#clusterSize;
    const { start, length } = this.#shown;
    let whole = cluster;
    while (whole < length) {
      whole *= 2n;
    }
    const wanted = factor > 0n ? whole * 4n : whole / 4n;
    if (wanted >= size) {
      this.#show(undefined);
      return;
    }
    const selection = this.#selection;
    const inView = selection?.kind === 'guest' && selection.start >= start && selection.start < start + length;
    const centre = inView ? selection.start : start;
    this.#show({ start: centre - (centre % wanted), length: wanted });
  }

  /** Asks for a picture when there is none for the width that the pane has now. */
  #fit(): void {
    const budget = cellBudget(this.clientWidth);
    if (this.clientWidth > 0 && budget !== this.#budget && this.#size) {
      this.#budget = budget;
      this.#ask();
    }
  }

  #ask(): void {
    this.#cancel();
    const { start, length } = this.#shown;
    const request = { start, length, cells: this.#budget };
    this.#cancel = load(
      (signal, onProgress) => this.#session.client.call('map', request, { signal, onProgress }),
      (next) => {
        // The last picture stays until the next one is there.
        if (next.state !== 'cancelled' && (settled(next) || this.picture.state !== 'ready')) {
          this.picture = next;
        }
      },
    );
  }
}

/** The part of the disk that was kept. */
function viewAt(kept: string | undefined): GuestView | undefined {
  const range = kept === undefined ? undefined : selectionAt(kept);
  return range?.kind === 'guest' ? { start: range.start, length: range.length } : undefined;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

customElements.define('qcow2-map', MapPane);
