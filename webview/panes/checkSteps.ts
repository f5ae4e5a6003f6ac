import type { FindingPlace, StepRequest } from '../../src/protocol/checkApi.ts';
import { callError, type Loaded } from '../loaded.ts';
import { addressOf, type CheckFinding } from '../selection.ts';

/** The way from finding to finding among those that are shown, and where among them the selected one is. */
export class FindingSteps {
  /** The last step: only a failure is of interest. */
  state: Loaded<undefined> = { state: 'waiting' };
  readonly #ask: (request: StepRequest) => Promise<FindingPlace | null>;
  readonly #changed: () => void;
  /** The place that was asked for last; it is undefined until it is there. */
  #known: { readonly key: string; readonly place: number | undefined } | undefined;
  /** The finding that was selected last, which need not be told to the pane yet. */
  #current: CheckFinding | undefined;
  #followed: CheckFinding | undefined;
  /** Steps are taken one after another, however fast the keys are pressed. */
  #last: Promise<void> = Promise.resolve();

  /**
   * @param ask - asks for a step
   * @param changed - is called when something is known anew
   */
  constructor(ask: (request: StepRequest) => Promise<FindingPlace | null>, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The steps go on from the finding that is selected. Returns whether that is another one now. */
  follow(selected: CheckFinding | undefined): boolean {
    const isOther = selected !== this.#followed;
    if (isOther) {
      this.#followed = selected;
      this.#current = selected;
    }
    return isOther;
  }

  /** Where a finding is among those that words leave; -1 where it is none of them, undefined until that is known. */
  placeOf(words: string, finding: CheckFinding): number | undefined {
    if (words === '') {
      return finding.index;
    }
    const key = keyOf(words, finding);
    if (this.#known?.key !== key) {
      this.#known = { key, place: undefined };
      const { code, index } = finding;
      this.#ask({ words, from: { code, index }, by: 0 }).then(
        (found) => this.#know(key, found?.position ?? -1),
        // Of an image that was read again meanwhile: it has no place.
        () => this.#know(key, -1),
      );
    }
    return this.#known.key === key ? this.#known.place : undefined;
  }

  /** Where a finding is among those that words leave is known without asking. */
  know(words: string, finding: CheckFinding, place: number): void {
    this.#known = { key: keyOf(words, finding), place };
  }

  /** Tells `reached` the next finding of those that words leave, or the one before; nothing where they leave none. */
  step(words: string, by: 1 | -1, reached: (place: FindingPlace) => void): Promise<void> {
    this.#last = this.#last.then(async () => {
      const from = this.#current;
      try {
        const place = await this.#ask({ words, by, ...(from && { from: { code: from.code, index: from.index } }) });
        this.state = { state: 'waiting' };
        if (place !== null) {
          this.#current = { kind: 'check-finding', code: place.code, index: place.index };
          reached(place);
        }
      } catch (thrown) {
        this.state = { state: 'failed', error: callError(thrown) };
      }
      this.#changed();
    });
    return this.#last;
  }

  /** Another one may have been asked for meanwhile. */
  #know(key: string, place: number): void {
    if (this.#known?.key === key) {
      this.#known = { key, place };
      this.#changed();
    }
  }
}

function keyOf(words: string, finding: CheckFinding): string {
  return `${words}\n${addressOf(finding)}`;
}
