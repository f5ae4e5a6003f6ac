/** The part of `vscode.Memento` that is used. */
export interface Store {
  get(key: string): unknown;
  update(key: string, value: unknown): Thenable<void>;
}

/** Images whose state is kept; the one that was not touched for longest goes first. */
const mostKept = 100;

/** What is to be found again of each image, such as by the views on it, kept by the image's URI. */
export class ViewStates {
  readonly #store: Store;
  readonly #key: string;

  /** `key`: in the store. Its value is a list of pairs of URI and state, latest last. */
  constructor(store: Store, key = 'viewStates') {
    this.#store = store;
    this.#key = key;
  }

  /** The latest state of the image, if one is kept. */
  get(uri: string): unknown {
    return this.#entries().find(([kept]) => kept === uri)?.[1];
  }

  /** Keeps a state: plain JSON. */
  async set(uri: string, state: unknown): Promise<void> {
    const others = this.#entries().filter(([kept]) => kept !== uri);
    await this.#store.update(this.#key, [...others.slice(1 - mostKept), [uri, state]]);
  }

  #entries(): [string, unknown][] {
    const kept = this.#store.get(this.#key);
    return Array.isArray(kept)
      ? kept.filter(
          (entry): entry is [string, unknown] =>
            Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string',
        )
      : [];
  }
}
