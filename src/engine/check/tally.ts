/** Where a check's messages go, each a line without its end. */
export type Say = (message: string) => void;

/** What a check has counted. */
export class Tally {
  /** Internal errors: what could not be checked. */
  checkErrors = 0;
  corruptions = 0;
  leaks = 0;
  readonly #say: Say;

  constructor(say: Say) {
    this.#say = say;
  }

  /** Something is wrong. */
  corrupt(message: string): void {
    this.corruptions++;
    this.#say(message);
  }

  /** Clusters are counted as used, and nothing uses them. */
  leak(message: string): void {
    this.leaks++;
    this.#say(message);
  }

  /** Something could not be checked. */
  fail(message: string): void {
    this.checkErrors++;
    this.#say(message);
  }

  /** Something is to be told that is counted elsewhere, or not at all. */
  say(message: string): void {
    this.#say(message);
  }
}
