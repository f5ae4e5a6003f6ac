import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Image } from './description.ts';
import { inspector } from './inspector.ts';
import { settled } from './loaded.ts';
import { headerPane } from './panes/header.ts';
import './panes/map.ts';
import type { ViewEvent } from './panes/map.ts';
import { overviewPane } from './panes/overview.ts';
import { paneOf, type SelectEvent } from './selection.ts';
import type { Session } from './session.ts';
import type { ViewState } from './state.ts';
import { PageElement } from './widgets/element.ts';
import { failure, progress } from './widgets/progress.ts';
import { strip } from './widgets/strip.ts';
import { tabs } from './widgets/tabs.ts';
import { visible } from './widgets/visible.ts';

/**
 * The page: strip, tabs, the current pane, the Inspector.
 *
 * Events: `view-state` when the state to be kept has changed, `first-paint` when the first content is there. On the
 * body, `data-pane` names the pane, `data-ready` says that it is completely painted, `data-busy` that requests run.
 */
export class App extends PageElement {
  static override properties = { session: { attribute: false }, name: {}, state: { attribute: false } };

  declare session: Session;
  name = '';
  state: ViewState = { pane: 'overview' };
  #mapPainted = false;
  #greeted = false;
  #focusSelection = false;
  #onChange = (): void => {
    if (this.session.canScan && this.session.scan.state === 'waiting' && this.#greeted) {
      this.session.startScan();
    }
    this.requestUpdate();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.session.addEventListener('change', this.#onChange);
    this.addEventListener('qcow2-select', (event) => this.#onSelect(event as SelectEvent));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.session.removeEventListener('change', this.#onChange);
  }

  override render(): TemplateResult {
    const { image } = this.session;
    if (image.state === 'ready') {
      return this.#page(image.value);
    }
    return html`<main class="opening" aria-label="Image" aria-busy=${image.state === 'loading'}>
      <h1><bdi>${visible(this.name)}</bdi></h1>
      ${progress(image, 'Opening the image')} ${failure(image, 'Opening the image', () => this.session.open())}
    </main>`;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('state');
    if (before !== undefined && before.pane !== this.state.pane) {
      this.#mapPainted = false;
      delete document.body.dataset.ready;
    }
  }

  override updated(): void {
    this.#report();
    if (this.#focusSelection) {
      this.#focusSelection = false;
      this.#showSelection();
    }
  }

  #page(image: Image): TemplateResult {
    const { session, state } = this;
    const { listed } = session;
    return html`
      ${strip(this.name, image, session, listed)} ${tabs(state.pane, (pane) => this.#change({ ...state, pane }))}
      <div class="body">
        <main class="pane">
          <div class="pane-content pane-${state.pane}" id="pane" role="tabpanel" aria-labelledby="tab-${state.pane}">
          ${state.pane === 'overview' ? overviewPane(image, session, listed, state.selection) : nothing}
          ${state.pane === 'header' ? headerPane(image, listed, state.selection) : nothing}
          ${
            state.pane === 'map'
              ? html`<qcow2-map
                .session=${session}
                .scan=${session.scan}
                .selection=${state.selection}
                .view=${state.view}
                @view=${(event: ViewEvent) => this.#setView(event)}
                @settled=${() => this.#onMapPainted()}
              ></qcow2-map>`
              : nothing
          }
          </div>
        </main>
        <aside class="inspector" aria-label="Inspector" tabindex="0">
          ${inspector({ image, session, listed, pane: state.pane, selection: state.selection })}
        </aside>
      </div>
    `;
  }

  #change(state: ViewState): void {
    this.state = state;
    this.dispatchEvent(new Event('view-state'));
  }

  #setView(event: ViewEvent): void {
    const { view: _, ...rest } = this.state;
    this.#change(event.view === undefined ? rest : { ...rest, view: event.view });
  }

  #onSelect(event: SelectEvent): void {
    const { selection, reveal } = event;
    this.#focusSelection = reveal;
    const { view, ...rest } = this.state;
    // What is to be shown on the map must be in its view.
    const inView =
      view &&
      (selection.kind !== 'guest' || (selection.start >= view.start && selection.start < view.start + view.length));
    this.#change({
      ...rest,
      ...(view && (inView || !reveal) ? { view } : {}),
      selection,
      pane: reveal ? paneOf(selection) : this.state.pane,
    });
  }

  #onMapPainted(): void {
    if (!this.#mapPainted) {
      this.#mapPainted = true;
      this.#report();
    }
  }

  #showSelection(): void {
    const chosen = this.querySelector<HTMLElement>('.pane [aria-selected=true], .pane [aria-current=true]');
    chosen?.scrollIntoView({ block: 'nearest' });
    chosen?.focus();
  }

  /** Tells the host that there is content, and whoever waits for the pane that it is complete. */
  #report(): void {
    const { session, state } = this;
    const { dataset } = document.body;
    const complete = settled(session.image) && (state.pane === 'header' || this.#paneComplete());
    dataset.pane = state.pane;
    dataset.busy = String(!session.settled || !complete);
    if (!complete) {
      delete dataset.ready;
    }
    if (settled(session.image) && (!this.#greeted || (complete && dataset.ready === undefined))) {
      // Two frames: the first paints, the second comes after it.
      requestAnimationFrame(() =>
        requestAnimationFrame(() => this.#painted(complete && state.pane === this.state.pane)),
      );
    }
  }

  #paneComplete(): boolean {
    return (
      this.session.image.state !== 'ready' || (this.state.pane === 'overview' ? this.session.settled : this.#mapPainted)
    );
  }

  #painted(complete: boolean): void {
    if (complete) {
      document.body.dataset.ready = 'true';
    }
    if (!this.#greeted) {
      this.#greeted = true;
      this.dispatchEvent(new Event('first-paint'));
      // The walk over the tables must not delay the first content.
      this.#onChange();
    }
  }
}

customElements.define('qcow2-app', App);
