import { html, nothing, type TemplateResult } from 'lit';
import { showCount } from '../../src/engine/format/show.ts';
import type { FoundNames } from '../../src/protocol/placeApi.ts';
import type { Image } from '../description.ts';
import { type Loaded, load, readyValue } from '../loaded.ts';
import { panesOf } from '../panesOf.ts';
import { SelectEvent } from '../selection.ts';
import type { Session } from '../session.ts';
import type { Pane } from '../state.ts';
import { PageElement } from '../widgets/element.ts';
import { failure, progress } from '../widgets/progress.ts';
import { visible } from '../widgets/visible.ts';
import { foundDestinations } from './names.ts';
import { type Destination, goToExamples, type Meaning, meaningOf } from './parse.ts';

/** Destinations that are listed at once; more of the text makes them fewer. */
const mostListed = 20;

/** `Go to…`: takes an offset, a cluster, an entry or a name, says at once what it would select, and selects it. */
export class GoToDialog extends PageElement {
  static override properties = {
    image: { attribute: false },
    session: { attribute: false },
    found: { state: true },
    pane: {},
    text: { state: true },
    active: { state: true },
  };

  declare image: Image;
  declare session: Session;
  /** The pane in view: it stays, if it can show what is selected. */
  pane: Pane = 'overview';
  private text = '';
  private active = 0;
  /** Names that the image's own lists don't have, since they are very long. */
  private found: Loaded<FoundNames> = { state: 'waiting' };
  #cancel: () => void = () => undefined;

  /** Whether it is shown. */
  get open(): boolean {
    return this.#dialog?.open === true;
  }

  /** Shows it, with what was typed last ready to be typed over. */
  show(): void {
    if (!this.open) {
      this.#dialog?.showModal();
    }
    const input = this.querySelector('input');
    input?.focus();
    input?.select();
  }

  override render(): TemplateResult {
    const meaning = meaningOf(this.text, this.image, foundDestinations(readyValue(this.found), this.image));
    const listed = meaning.destinations.slice(0, mostListed);
    return html`<dialog class="go-to" aria-labelledby="go-to-title">
      <label class="go-to-title" id="go-to-title" for="go-to-text">Go to</label>
      <input
        id="go-to-text"
        role="combobox"
        aria-autocomplete="list"
        aria-controls="go-to-list"
        aria-expanded=${listed.length > 0}
        aria-describedby="go-to-note"
        aria-invalid=${meaning.problem !== undefined}
        aria-activedescendant=${listed.length > 0 ? `go-to-${this.active}` : nothing}
        autocomplete="off"
        spellcheck="false"
        .value=${this.text}
        @input=${(event: Event) => this.#type(event)}
        @keydown=${(event: KeyboardEvent) => this.#onKey(event, listed)}
      />
      <ul id="go-to-list" role="listbox" aria-label="Destinations" ?hidden=${listed.length === 0}>
        ${listed.map((destination, index) => this.#option(destination, index))}
      </ul>
      <p id="go-to-note" class=${meaning.problem === undefined ? 'quiet' : 'go-to-problem'} role="status">
        ${this.#note(meaning)}
      </p>
      ${progress(this.found, 'Looking for names', () => this.#cancel())}
      ${failure(this.found, 'Looking for names', () => this.#find())}
    </dialog>`;
  }

  override updated(): void {
    this.querySelector('[role=option][aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }

  get #dialog(): HTMLDialogElement | null {
    return this.querySelector('dialog');
  }

  #option(destination: Destination, index: number): TemplateResult {
    return html`<li
      role="option"
      id=${`go-to-${index}`}
      aria-selected=${index === this.active}
      @click=${() => this.#go(destination)}
    >
      <bdi class="number">${visible(destination.title)}</bdi> <bdi class="quiet">${visible(destination.note)}</bdi>
    </li>`;
  }

  #note({ problem, destinations }: Meaning): string {
    if (problem !== undefined) {
      return visible(problem);
    }
    if (destinations.length === 0) {
      return `Type ${goToExamples}.`;
    }
    const more = destinations.length - mostListed;
    return more > 0
      ? `and ${showCount(more)} more: type more of the name. Enter goes to the marked one.`
      : 'Enter goes to the marked one.';
  }

  #type(event: Event): void {
    this.text = (event.target as HTMLInputElement).value;
    this.active = 0;
    this.#find();
  }

  /** Looks for the name in the tables themselves, where the lists have only the first ones. */
  #find(): void {
    const { snapshots, bitmaps } = this.image;
    this.#cancel();
    this.found = { state: 'waiting' };
    const text = this.text.trim();
    if (text !== '' && (snapshots.count !== undefined || bitmaps.count !== undefined)) {
      this.#cancel = load(
        (signal, onProgress) =>
          this.session.client.call('findNames', { text, count: mostListed }, { signal, onProgress }),
        (found) => {
          if (text === this.text.trim()) {
            this.found = found;
          }
        },
      );
    }
  }

  #onKey(event: KeyboardEvent, listed: readonly Destination[]): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const chosen = listed[this.active];
    if (step !== undefined && listed.length > 0) {
      event.preventDefault();
      this.active = (this.active + step + listed.length) % listed.length;
    } else if (event.key === 'Enter' && chosen !== undefined) {
      event.preventDefault();
      this.#go(chosen);
    }
  }

  #go({ selection }: Destination): void {
    this.#dialog?.close();
    const shown = panesOf(selection);
    this.dispatchEvent(new SelectEvent(selection, shown.includes(this.pane) ? this.pane : shown[0]));
  }
}

customElements.define('qcow2-go-to', GoToDialog);
