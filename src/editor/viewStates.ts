/** The part of `vscode.Memento` that is used. */
export interface Store {
  get(key: string): unknown;
  update(key: string, value: unknown): Thenable<void>;
}

/** Images whose state is kept; the one that was not touched for longest goes first. */
const mostKept = 100;

/** The key in the workspace's state. Its value is a list of pairs of URI and state, latest last. */
const key = 'viewStates';

/** What the views on each image want to find again, kept for the workspace by the image's URI. */
export class ViewStates {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The latest state of a view on the image, if one is kept. */
  get(uri: string): unknown {
    return this.#entries().find(([kept]) => kept === uri)?.[1];
  }

  /** Keeps a state: plain JSON. */
  async set(uri: string, state: unknown): Promise<void> {
    const others = this.#entries().filter(([kept]) => kept !== uri);
    await this.#store.update(key, [...others.slice(1 - mostKept), [uri, state]]);
  }

  #entries(): [string, unknown][] {
    const kept = this.#store.get(key);
    return Array.isArray(kept)
      ? kept.filter(
          (entry): entry is [string, unknown] =>
            Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string',
        )
      : [];
  }
}
