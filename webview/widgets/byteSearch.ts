import { html, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Client } from '../../src/protocol/client.ts';
import type { FindResult } from '../../src/protocol/hexApi.ts';
import type { MapSpace } from '../../src/protocol/mapApi.ts';
import { type NeedleForm, needleForms, parseNeedle } from '../hex/needle.ts';
import { type Loaded, load } from '../loaded.ts';
import { PageElement } from './element.ts';
import { icon } from './icon.ts';
import { failure, progress } from './progress.ts';

const formNames: Readonly<Record<NeedleForm, string>> = {
  hex: 'hex bytes',
  'utf-8': 'text (UTF-8)',
  'utf-16le': 'text (UTF-16LE)',
};

/** Looks for bytes or text in a space. Fires `found` (`FoundEvent`). */
export class ByteSearch extends PageElement {
  static override properties = {
    client: { attribute: false },
    space: { attribute: false },
    cursor: { attribute: false },
    text: { state: true },
    form: { state: true },
    search: { state: true },
    problem: { state: true },
  };

  declare client: Client;
  declare space: MapSpace;
  cursor = 0n;
  private text = '';
  private form: NeedleForm = 'hex';
  private search: Loaded<FindResult> = { state: 'waiting' };
  private problem = '';
  #direction: 'next' | 'previous' = 'next';
  #cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  /** Puts the focus into the field. */
  focusField(): void {
    const input = this.querySelector('input');
    input?.focus();
    input?.select();
  }

  /** Looks for the next or previous place, if there is something to look for. */
  step(direction: 'next' | 'previous'): void {
    const needle = parseNeedle(this.text, this.form);
    this.problem = 'problem' in needle ? needle.problem : '';
    this.#cancel();
    if ('problem' in needle) {
      this.search = { state: 'waiting' };
      return;
    }
    this.#direction = direction;
    const { client, space } = this;
    const found = this.search.state === 'ready' ? this.search.value.at : undefined;
    const from = direction === 'next' && found === this.cursor ? this.cursor + 1n : this.cursor;
    this.#cancel = load(
      (signal, onProgress) =>
        client.call('findBytes', { ...space, needle: needle.bytes, from, direction }, { signal, onProgress }),
      (search) => {
        this.search = search;
        if (search.state === 'ready' && search.value.at !== undefined) {
          this.dispatchEvent(new FoundEvent(search.value.at, BigInt(needle.bytes.length)));
        }
      },
    );
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('space') || changed.has('text') || changed.has('form')) {
      this.#cancel();
      this.search = { state: 'waiting' };
    }
  }

  override render(): TemplateResult {
    return html`<div class="toolbar" role="search">
        <label class="spoken" for="byte-form">What to look for is</label>
        <select class="chooser" id="byte-form" @change=${(event: Event) => this.#setForm(event)}>
          ${needleForms.map((form) => html`<option value=${form} ?selected=${form === this.form}>${formNames[form]}</option>`)}
        </select>
        <input
          class="chooser needle"
          type="text"
          aria-label="Find bytes"
          placeholder=${this.form === 'hex' ? 'find, such as 51 46 49 fb' : 'find text'}
          spellcheck="false"
          autocomplete="off"
          aria-invalid=${this.problem !== ''}
          .value=${this.text}
          @input=${(event: Event) => this.#type(event)}
          @keydown=${(event: KeyboardEvent) => this.#onKey(event)}
        />
        ${this.#button('arrow-up', 'Previous match (Shift+F3)', 'previous')}
        ${this.#button('arrow-down', 'Next match (F3)', 'next')}
        <span class="quiet" role="status">${this.#words()}</span>
      </div>
      ${progress(this.search, 'Searching', () => this.#cancel())}
      ${this.search.state === 'cancelled' ? '' : failure(this.search, 'The search', () => this.step(this.#direction))}`;
  }

  #button(name: string, label: string, direction: 'next' | 'previous'): TemplateResult {
    return html`<button
      class="tool"
      title=${label}
      aria-label=${label}
      ?disabled=${this.text === ''}
      @click=${() => this.step(direction)}
    >
      ${icon(name)}
    </button>`;
  }

  #words(): string {
    if (this.problem !== '') {
      return this.problem;
    }
    if (this.search.state === 'cancelled') {
      return 'Search cancelled.';
    }
    if (this.search.state !== 'ready') {
      return '';
    }
    const { at, wrapped, unknown } = this.search.value;
    const passed = unknown > 0n ? ` ${showSize(unknown)} that are not known were passed over.` : '';
    if (at === undefined) {
      return `Not found.${passed}`;
    }
    const from = this.#direction === 'next' ? 'start' : 'end';
    return `Found at ${showOffset(at)}${wrapped ? `, past the other end: from the ${from} on` : ''}.${passed}`;
  }

  #type(event: Event): void {
    this.text = (event.target as HTMLInputElement).value;
    this.problem = '';
  }

  #setForm(event: Event): void {
    const { value } = event.target as HTMLSelectElement;
    this.form = needleForms.find((form) => form === value) ?? 'hex';
    this.problem = '';
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Enter') {
      event.preventDefault();
      this.step(event.shiftKey ? 'previous' : 'next');
    } else if (event.key === 'Escape') {
      this.#cancel();
    }
  }
}

/** Bytes were found. */
export class FoundEvent extends Event {
  readonly at: bigint;
  readonly length: bigint;

  constructor(at: bigint, length: bigint) {
    super('found');
    this.at = at;
    this.length = length;
  }
}

customElements.define('qcow2-byte-search', ByteSearch);
