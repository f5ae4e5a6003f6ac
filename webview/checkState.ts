import type {
  CheckSummary,
  FilterSummary,
  FindingPlace,
  FindingsRequest,
  StepRequest,
} from '../src/protocol/checkApi.ts';
import type { CallOptions, Client } from '../src/protocol/client.ts';
import type { Finding } from './description.ts';
import { learnTexts } from './findings.ts';
import { type Loaded, load, settled } from './loaded.ts';
import { addressOf, type CheckFinding } from './selection.ts';

/** A finding with its place among all of its code. */
export interface NumberedFinding {
  readonly found: Finding;
  readonly index: number;
}

/** A finding that was asked for. */
interface KnownFinding {
  readonly address: string;
  /** Undefined until it has come, and where there is none. */
  readonly found: Finding | undefined;
  /** Whether the answer has not come yet. */
  readonly coming: boolean;
}

/** What this view knows of the check of its image. */
export class CheckState {
  /** What was found. */
  summary: Loaded<CheckSummary> = { state: 'waiting' };
  /** Whether the whole check is under way, or was done: else one that is bounded in time. */
  whole = false;
  readonly #client: () => Client;
  readonly #changed: () => void;
  #cancel: () => void = () => undefined;
  /** The finding that was asked for last. */
  #known: KnownFinding | undefined;

  /**
   * @param client - asks about the image that is shown
   * @param changed - is called when something is known anew
   */
  constructor(client: () => Client, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
  }

  /** Checks the image, unless that is under way: the whole of it, or what can be checked in a bounded time. */
  start(whole: boolean): void {
    if (this.summary.state === 'loading' && (this.whole || !whole)) {
      return;
    }
    this.#cancel();
    this.whole = whole;
    this.#known = undefined;
    const client = this.#client();
    this.#cancel = load(
      (signal, onProgress) => client.call('check', { quick: !whole }, { signal, onProgress }),
      (summary) => {
        if (client === this.#client() && whole === this.whole) {
          if (summary.state === 'ready') {
            learnTexts(summary.value.texts);
          }
          this.summary = summary;
          this.#changed();
        }
      },
    );
  }

  /** Stops the check. */
  cancel(): void {
    this.#cancel();
  }

  /** The image was read again: what is known was about another one. */
  forget(): void {
    this.#cancel();
    this.#cancel = () => undefined;
    this.#known = undefined;
    this.summary = { state: 'waiting' };
  }

  /** Some findings, with their places among all of their code. */
  async findings(request: FindingsRequest, signal?: AbortSignal): Promise<readonly NumberedFinding[]> {
    const { findings, indexes, texts } = await this.#client().call('checkFindings', request, signal ? { signal } : {});
    learnTexts(texts);
    return findings.map((found, at) => ({ found, index: indexes[at] ?? 0 }));
  }

  /** What words leave of the findings. */
  async filter(words: string, options: CallOptions): Promise<FilterSummary> {
    const summary = await this.#client().call('checkFilter', { words }, options);
    learnTexts(summary.texts);
    return summary;
  }

  /** The next finding of those that words leave, or the one before. */
  step(request: StepRequest): Promise<FindingPlace | null> {
    return this.#client().call('checkStep', request);
  }

  /** A finding, if it is there; else it is asked for, once the check has run. */
  find(selection: CheckFinding): Finding | undefined {
    const address = addressOf(selection);
    if (this.#known?.address !== address && settled(this.summary)) {
      this.#known = { address, found: undefined, coming: true };
      this.findings({ code: selection.code, from: selection.index, count: 1 }).then(
        ([one]) => this.#know(selection, one?.found),
        // Of an image that was read again meanwhile, or a finding that is gone: there is none.
        () => this.#know(selection, undefined),
      );
    }
    return this.#known?.address === address ? this.#known.found : undefined;
  }

  /** Whether a finding was asked for, and it is not known yet whether it is there. */
  isComing(selection: CheckFinding): boolean {
    return this.#known?.address === addressOf(selection) && this.#known.coming;
  }

  /** Another one may have been asked for meanwhile. */
  #know(selection: CheckFinding, found: Finding | undefined): void {
    if (this.#known?.address === addressOf(selection)) {
      this.#known = { address: this.#known.address, found, coming: false };
      this.#changed();
    }
  }
}
