import { html, type PropertyValues, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { useNotation } from '../src/engine/format/show.ts';
import type { PageCommand } from '../src/protocol/pageCommand.ts';
import type { Settings } from '../src/protocol/settings.ts';
import { corruptionsOf } from './checkCounts.ts';
import type { Image } from './description.ts';
import { inspector } from './inspector.ts';
import { settled } from './loaded.ts';
import './goTo/dialog.ts';
import type { GoToDialog } from './goTo/dialog.ts';
import { inPane, step, visited } from './history.ts';
import { moved } from './moved.ts';
import { paneContents } from './panes/content.ts';
import { immediatePanes, inPlacePanes, type KeepEvent, type PaneContent } from './panes/pane.ts';
import { ScrollKeeper } from './scroll.ts';
import { addressOf, type CheckFinding, SelectEvent } from './selection.ts';
import type { Session } from './session.ts';
import { firstState, type Kept, type Pane, panes, type ViewState } from './state.ts';
import { walkKeys } from './walking.ts';
import { PageElement } from './widgets/element.ts';
import { notices } from './widgets/notice.ts';
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
  /** Path of the image, for the commands that are copied. */
  path = '';
  state: ViewState = firstState;
  #paneSettled = false;
  #greeted = false;
  #reveals = 0;
  #showsSelection: 'no' | 'in-view' | 'focused' = 'no';
  #walks = walkKeys(this);
  #epoch = 0;
  /** The image that was shown last, and how often one was shown whose lists have other indices. */
  #image: Image | undefined;
  #moves = 0;
  /** The finding that is selected, and what it is about. */
  #finding: { readonly address: string; readonly place: string } | undefined;
  /** What panes begin with, by the user's settings, where nothing is kept for them. */
  #defaults: Kept = {};
  #scroll = new ScrollKeeper(
    this,
    () => this.state.pane,
    (scroll) => this.#change({ ...this.state, scroll }),
  );
  #onChange = (): void => {
    this.#scanSoon();
    this.requestUpdate();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.#scroll.take(this.state.scroll ?? {});
    this.#scroll.restore(true);
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
    const { epoch } = this.session;
    this.#follow();
    this.#dropOtherFinding();
    if (before !== undefined && this.session.image.state !== 'ready') {
      this.#scroll.take(this.state.scroll ?? {});
    }
    if (before !== undefined && before.pane !== this.state.pane) {
      this.#paneSettled = false;
      delete document.body.dataset.ready;
      this.#scroll.restore(false);
    }
    if (epoch !== this.#epoch) {
      // The same pane, of the image as it is now.
      this.#epoch = epoch;
      this.#paneSettled = false;
      this.#scroll.rememberFocus();
      this.#scroll.restore(true);
    }
  }

  /** Keeps what is selected selected where the image was read again. */
  #follow(): void {
    const { image } = this.session;
    // While a file is written, it may have no header for a moment.
    if (image.state !== 'ready' || image.value === this.#image || image.value.header === undefined) {
      return;
    }
    const state = this.#image && moved(this.state, this.#image, image.value);
    this.#image = image.value;
    if (state !== undefined && state !== this.state) {
      this.#moves++;
      this.#change(state);
    }
  }

  /** Findings are known by their index: when the image was read again, another one may have that of the selected one. */
  #dropOtherFinding(): void {
    const { selection, ...others } = this.state;
    const address = selection && addressOf(selection);
    if (this.#finding?.address !== address) {
      this.#finding = undefined;
    }
    const found = this.session.findingOf(selection);
    if (address === undefined || found === undefined) {
      return;
    }
    const place = `${found.code} ${found.chain} ${found.host?.offset}`;
    if (this.#finding !== undefined && this.#finding.place !== place) {
      this.#finding = undefined;
      this.#change(others);
    } else {
      this.#finding = { address, place };
    }
  }

  override updated(): void {
    this.#scanSoon();
    this.#report();
    if (this.#showsSelection !== 'no') {
      this.#scroll.stay();
      this.#showSelection(this.#showsSelection === 'focused');
      this.#showsSelection = 'no';
    }
  }

  /**
   * Takes the user's settings.
   *
   * @param fresh - whether nothing was kept of a view on this image
   */
  configure(settings: Settings, fresh: boolean): void {
    const { session } = this;
    session.scanOnOpen = settings.scanOnOpen;
    session.checkOnOpen = settings.checkOnOpen;
    useNotation(settings.addresses);
    this.#defaults = { map: JSON.stringify({ shown: settings.mapShows }) };
    const pane = panes.find((name) => name === settings.openPane);
    if (fresh && pane !== undefined && session.image.state !== 'ready') {
      this.state = { ...this.state, pane };
    }
    this.#onChange();
  }

  /** Does what a command of VS Code asks the page for. */
  run(command: PageCommand): void {
    const dialog = this.querySelector<GoToDialog>('qcow2-go-to');
    if (command === 'go-to') {
      dialog?.show();
    } else if (command === 'check') {
      this.session.check.start(true);
      this.#showPane('check');
    } else if (dialog?.open !== true) {
      this.#step(command === 'back' ? -1 : 1);
    }
  }

  /** Shows a finding of the check, which runs if it has not yet. */
  showFinding(selection: CheckFinding): void {
    const { check } = this.session;
    if (check.summary.state === 'waiting') {
      check.start(check.whole);
    }
    this.#onSelect(new SelectEvent(selection, 'check'));
  }

  #page(image: Image): TemplateResult {
    const { session, state } = this;
    const { listed } = session;
    const { selection, history } = state;
    const kept = state.kept[state.pane] ?? this.#defaults[state.pane];
    const found = session.findingOf(selection);
    const content: PaneContent = { image, session, listed, selection, found, reveals: this.#reveals, kept };
    return html`
      ${strip(this.name, image, session, listed)} ${notices(session)} ${tabs(state.pane, (pane) => this.#showPane(pane), corruptionsOf(session))}
      <div class="body">
        <main class="pane">
          <div class="pane-content pane-${state.pane}" id="pane" role="tabpanel" aria-labelledby="tab-${state.pane}"
            @keep=${(event: KeepEvent) => this.#keep(event)} @settled=${() => this.#onSettled()}>
          ${keyed(inPlacePanes.has(state.pane) ? `in place ${this.#moves}` : session.epoch, paneContents[state.pane](content))}
          </div>
        </main>
        <aside class="inspector" aria-label="Inspector" tabindex="0">
          ${keyed(
            session.epoch,
            inspector(
              { image, session, listed, pane: state.pane, selection, found, path: this.path },
              { back: step(history, -1)?.visit, forward: step(history, 1)?.visit, run: (command) => this.run(command) },
            ),
          )}
        </aside>
      </div>
      <qcow2-go-to .image=${image} .session=${session} .pane=${state.pane}></qcow2-go-to>
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
    const visit = { selection, pane: pane ?? this.state.pane };
    if (pane !== undefined) {
      this.#reveal('focused');
    } else if (event.target instanceof Element) {
      // The link that was followed is gone: what it led to takes the focus.
      event.target.closest<HTMLElement>('.inspector')?.focus();
    }
    this.#change({ ...this.state, ...visit, history: visited(this.state.history, visit, this.#walks()) });
  }

  #showPane(pane: Pane): void {
    this.#change({ ...this.state, pane, history: inPane(this.state.history, pane) });
  }

  /** One selection back or forward; the focus stays where it is. */
  #step(by: -1 | 1): void {
    const reached = step(this.state.history, by);
    if (reached !== undefined) {
      this.#reveal('in-view');
      this.#change({ ...this.state, ...reached.visit, history: reached.history });
    }
  }

  #reveal(how: 'in-view' | 'focused'): void {
    this.#reveals++;
    this.#showsSelection = how;
  }

  #onSettled(): void {
    if (!this.#paneSettled) {
      this.#paneSettled = true;
      this.#scanSoon();
      this.#report();
    }
  }

  /** Starts the walk over the tables, which must not delay the first content: nor the first picture of the map. Then the check. */
  #scanSoon(): void {
    const { session, state } = this;
    if (session.wantsScan && this.#greeted && (state.pane !== 'map' || this.#paneSettled)) {
      session.startScan();
    }
    if (session.wantsCheck && this.#greeted && !session.scanComes) {
      session.startCheck();
    }
  }

  #showSelection(focused: boolean): void {
    const chosen = this.querySelector<HTMLElement>('.pane [aria-selected=true], .pane [aria-current=true]');
    chosen?.scrollIntoView({ block: 'nearest' });
    if (focused) {
      chosen?.focus();
    }
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
      this.#onChange();
    }
  }
}

customElements.define('qcow2-app', App);
