import { type Ask, type Loaded, load, readyValue } from '../loaded.ts';

/** The answer to a question that changes: asking another one cancels what is under way; the last answer stays until then. */
export class Latest<T> {
  /** The question that was asked last. */
  loaded: Loaded<T> = { state: 'waiting' };
  /** The last answer that came, and the question that it belongs to. */
  answer: { readonly question: string; readonly value: T } | undefined;
  #question: string | undefined;
  #again: (() => void) | undefined;
  #cancel: () => void = () => undefined;
  readonly #changed: () => void;

  /** @param changed - is told of each change */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Asks, unless it is the question that was asked last. */
  ask(question: string, ask: Ask<T>): void {
    if (question !== this.#question) {
      this.#start(question, ask);
    }
  }

  /** Asks the last question again. */
  readonly retry = (): void => this.#again?.();

  /** Stops what is under way, by the user's word. */
  readonly cancel = (): void => this.#cancel();

  /** Forgets the question, so that the next one is asked even if it is the same. The answer stays until then. */
  forget(): void {
    this.#question = undefined;
    this.#cancel();
    this.#cancel = () => undefined;
  }

  /** Forgets the question and its answer. */
  clear(): void {
    this.forget();
    this.answer = undefined;
    this.loaded = { state: 'waiting' };
  }

  #start(question: string, ask: Ask<T>): void {
    this.forget();
    this.#question = question;
    this.#again = () => this.#start(question, ask);
    this.#cancel = load(ask, (loaded) => {
      if (this.#question !== question) {
        return;
      }
      this.loaded = loaded;
      const value = readyValue(loaded);
      if (loaded.state === 'ready' && value !== undefined) {
        this.answer = { question, value };
      }
      this.#changed();
    });
  }
}
