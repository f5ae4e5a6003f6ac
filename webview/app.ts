import { html, type PropertyValues, type TemplateResult } from 'lit';
import type { Image } from './description.ts';
import { inspector } from './inspector.ts';
import { settled } from './loaded.ts';
import { paneContents } from './panes/content.ts';
import { immediatePanes, type KeepEvent, type PaneContent } from './panes/pane.ts';
import type { SelectEvent } from './selection.ts';
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
  state: ViewState = { pane: 'overview', kept: {} };
  #paneSettled = false;
  #greeted = false;
  #reveals = 0;
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
      this.#paneSettled = false;
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
    const { selection } = state;
    const kept = state.kept[state.pane];
    const content: PaneContent = { image, session, listed, selection, reveals: this.#reveals, kept };
    return html`
      ${strip(this.name, image, session, listed)} ${tabs(state.pane, (pane) => this.#change({ ...state, pane }))}
      <div class="body">
        <main class="pane">
          <div class="pane-content pane-${state.pane}" id="pane" role="tabpanel" aria-labelledby="tab-${state.pane}"
            @keep=${(event: KeepEvent) => this.#keep(event)} @settled=${() => this.#onSettled()}>
          ${paneContents[state.pane](content)}
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

  #keep({ text }: KeepEvent): void {
    const { pane, kept } = this.state;
    const { [pane]: _, ...others } = kept;
    this.#change({ ...this.state, kept: text === undefined ? others : { ...others, [pane]: text } });
  }

  #onSelect(event: SelectEvent): void {
    const { selection, pane } = event;
    this.#focusSelection = pane !== undefined;
    this.#reveals += pane === undefined ? 0 : 1;
    this.#change({ ...this.state, selection, pane: pane ?? this.state.pane });
  }

  #onSettled(): void {
    if (!this.#paneSettled) {
      this.#paneSettled = true;
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
    const complete = settled(session.image) && this.#paneComplete();
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
    const { session, state } = this;
    if (session.image.state !== 'ready' || state.pane === 'header') {
      return true;
    }
    return immediatePanes.has(state.pane) ? session.settled : this.#paneSettled;
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
