import type { FilterSummary } from '../../src/protocol/checkApi.ts';
import { type Ask, type Loaded, load } from '../loaded.ts';

/** Milliseconds without typing after which findings are filtered. */
const rest = 200;

/** What of the findings is shown: all, or what words leave of them. */
export interface ShownFindings {
  /** Empty for all. */
  readonly words: string;
  readonly left?: FilterSummary;
}

const all: ShownFindings = { words: '' };

/**
 * The filter of the findings: what is typed, and what is shown meanwhile. What was shown before stays until it is known
 * what the words leave.
 */
export class FindingFilter {
  /** What stands in the field. */
  typed = '';
  /** Undefined until it is known for the first time. */
  shown: ShownFindings | undefined = all;
  /** The filter under way, or the last one. */
  state: Loaded<FilterSummary> = { state: 'waiting' };
  readonly #ask: (words: string) => Ask<FilterSummary>;
  readonly #changed: () => void;
  #asked = '';
  #cancel: () => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param ask - asks what words leave of the findings
   * @param changed - is called when something else is to be shown
   */
  constructor(ask: (words: string) => Ask<FilterSummary>, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The words that are typed; empty for none. */
  get words(): string {
    return this.typed.trim();
  }

  /** Whether what is shown is what the words leave. */
  get settled(): boolean {
    return this.shown?.words === this.words;
  }

  /** Takes what was typed in an earlier view of the findings: nothing is shown until it is known what it leaves. */
  restore(typed: string): void {
    this.typed = typed;
    if (this.words !== '') {
      this.shown = undefined;
      this.#start();
    }
  }

  /** Takes what was typed; filters once the typing rests. */
  type(typed: string): void {
    this.typed = typed;
    clearTimeout(this.#timer);
    if (this.words === '') {
      this.apply();
    } else {
      this.#timer = setTimeout(() => this.apply(), rest);
    }
    this.#changed();
  }

  /** Filters by the words, unless that is under way or done. */
  apply(): void {
    clearTimeout(this.#timer);
    if (this.words !== this.#asked) {
      this.#start();
    }
  }

  /** Filters again after a failure. */
  retry(): void {
    this.#start();
  }

  /** Stops what is under way; nothing is asked any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#cancel();
  }

  #start(): void {
    const { words } = this;
    this.#cancel();
    this.#asked = words;
    if (words === '') {
      this.#cancel = () => undefined;
      this.state = { state: 'waiting' };
      this.shown = all;
      this.#changed();
      return;
    }
    this.#cancel = load(this.#ask(words), (state) => {
      if (words !== this.#asked) {
        return;
      }
      this.state = state;
      if (state.state === 'ready') {
        this.shown = { words, left: state.value };
      }
      this.#changed();
    });
  }
}
