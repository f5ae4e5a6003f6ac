import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { type Ask, type Loaded, load, settled } from '../loaded.ts';
import { PageElement } from './element.ts';
import { failure, progress } from './progress.ts';

/**
 * Something that is asked from the worker and shown once it is there: progress after 200 ms with a way to cancel, an
 * error with a way to repeat it. Asks anew when `of` or `name` is another.
 *
 * Event: `painted` once the answer, or that there is none, is in the page.
 */
export class Asked<T = unknown> extends PageElement {
  static override properties = {
    of: { attribute: false },
    name: {},
    words: {},
    ask: { attribute: false },
    show: { attribute: false },
    loaded: { state: true },
  };

  /** What is asked about, such as the image. */
  of: unknown = undefined;
  /** Which part of it. */
  name = '';
  /** What is being done: `Reading the snapshot table`. */
  words = 'Reading';
  declare ask: Ask<T>;
  declare show: (value: T) => TemplateResult;
  private loaded: Loaded<T> = { state: 'waiting' };
  #cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) {
      this.#start();
    }
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('of') || changed.has('name')) {
      this.#start();
    }
  }

  override render(): TemplateResult {
    const { loaded } = this;
    return html`${progress(loaded, this.words, () => this.#cancel())} ${failure(loaded, this.words, () => this.#start())}
    ${loaded.state === 'ready' ? this.show(loaded.value) : nothing}`;
  }

  override updated(): void {
    if (settled(this.loaded)) {
      this.dispatchEvent(new Event('painted'));
    }
  }

  #start(): void {
    this.#cancel();
    this.#cancel = load(this.ask, (loaded) => {
      this.loaded = loaded;
    });
  }
}

customElements.define('qcow2-asked', Asked);
