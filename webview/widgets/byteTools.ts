import { html, nothing, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import type { ByteRange } from '../../src/engine/finding.ts';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import type { MapSpace } from '../../src/protocol/mapApi.ts';
import type { Image } from '../description.ts';
import { copyBytes } from '../hex/copyBytes.ts';
import { sameSpace, spaceName, spacesOf } from '../hex/hexView.ts';
import type { ByteMark } from '../hex/places.ts';
import { callError, type Loaded, load } from '../loaded.ts';
import type { Session } from '../session.ts';
import { FoundEvent } from './byteSearch.ts';
import { PageElement } from './element.ts';
import { icon } from './icon.ts';
import { failure, progress } from './progress.ts';
import { snapshotNumber } from './snapshotChoice.ts';

/**
 * What can be done with the bytes of a space: another one chosen, the next stored ones gone to, the selected ones copied
 * or saved. Fires `space` (`SpaceEvent`) and `found` (`FoundEvent`).
 */
export class ByteTools extends PageElement {
  static override properties = {
    session: { attribute: false },
    image: { attribute: false },
    space: { attribute: false },
    size: { attribute: false },
    cursor: { attribute: false },
    range: { attribute: false },
    said: { state: true },
    step: { state: true },
  };

  declare session: Session;
  declare image: Image;
  declare space: MapSpace;
  size = 0n;
  cursor = 0n;
  /** The selected bytes. */
  declare range: ByteMark;
  /** What came of the last thing that was asked for. */
  private said = '';
  /** The way to the next or previous stored bytes. */
  private step: Loaded<ByteRange | undefined> = { state: 'waiting' };
  #direction: 'next' | 'previous' = 'next';
  #stop: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  /** Copies the selected bytes. */
  copy(as: 'hex' | 'text'): void {
    this.said = 'copying…';
    copyBytes(this.session.client, { ...this.space, ...this.range }, as).then(
      (words) => {
        this.said = words;
      },
      (thrown: unknown) => {
        this.said = `not copied: ${callError(thrown).message}`;
      },
    );
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has('space')) {
      this.#stop();
      this.step = { state: 'waiting' };
    }
    if (changed.has('space') || changed.has('cursor')) {
      this.said = '';
    }
  }

  override render(): TemplateResult {
    const { image, space } = this;
    return html`<div class="toolbar">
        <label for="byte-space">Bytes of</label>
        <select class="chooser" id="byte-space" @change=${(event: Event) => this.#pick(event)}>
          ${guard([image, space], () =>
            spacesOf(image, space).map(
              (one, index) =>
                html`<option value=${index} .selected=${sameSpace(one, space)}>${spaceName(image, one)}</option>`,
            ),
          )}
        </select>
        ${
          image.geometry === undefined
            ? nothing
            : snapshotNumber(image, space.snapshot, (snapshot) => this.#choose({ space: 'guest', snapshot }))
        }
        <span class="quiet" title=${`${showCount(this.size)} bytes`}>${showSize(this.size)}</span>
        ${this.#stepButton('arrow-circle-up', 'Previous stored bytes: over holes and zeros', 'previous')}
        ${this.#stepButton('arrow-circle-down', 'Next stored bytes: over holes and zeros', 'next')}
        <span class="quiet" role="status">${this.said}</span>
        <span class="grow"></span>
        <span class="links">
          <button class="link" @click=${() => this.copy('hex')}>Copy as hex</button>
          <button class="link" @click=${() => this.copy('text')}>Copy as text</button>
          <button class="link" @click=${() => this.#save()}>${icon('save')}Save Bytes…</button>
        </span>
      </div>
      ${progress(this.step, 'Looking for stored bytes', () => this.#stop())}
      ${
        this.step.state === 'failed'
          ? failure(this.step, 'Looking for stored bytes', () => this.#go(this.#direction))
          : nothing
      }`;
  }

  #stepButton(name: string, label: string, direction: 'next' | 'previous'): TemplateResult {
    return html`<button class="tool" title=${label} aria-label=${label} @click=${() => this.#go(direction)}>
      ${icon(name)}
    </button>`;
  }

  #pick(event: Event): void {
    const chosen = spacesOf(this.image, this.space)[Number((event.target as HTMLSelectElement).value)];
    if (chosen) {
      this.#choose(chosen);
    }
  }

  #choose(space: MapSpace): void {
    this.dispatchEvent(new SpaceEvent(space));
  }

  #go(direction: 'next' | 'previous'): void {
    const { client } = this.session;
    const request = { ...this.space, from: this.cursor, direction };
    this.#direction = direction;
    this.#stop();
    this.#stop = load(
      (signal, onProgress) => client.call('storedRun', request, { signal, onProgress }),
      (step) => {
        this.step = step;
        if (step.state === 'ready' && step.value) {
          this.dispatchEvent(new FoundEvent(step.value.offset, 1n));
        } else if (step.state === 'ready') {
          this.said = `nothing is stored ${direction === 'next' ? 'after' : 'before'} the cursor`;
        }
      },
    );
  }

  #save(): void {
    this.session.saveBytes({ ...this.space, ...this.range });
  }
}

/** Another space was chosen. */
export class SpaceEvent extends Event {
  readonly space: MapSpace;

  constructor(space: MapSpace) {
    super('space');
    this.space = space;
  }
}

customElements.define('qcow2-byte-tools', ByteTools);
