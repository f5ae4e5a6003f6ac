import type { OperationRequest } from '../protocol/changeApi.ts';
import { decode, encode } from '../protocol/codec.ts';
import { type Store, ViewStates } from './viewStates.ts';

/** What is remembered of the last change of an image that VS Code has begun. */
export interface RememberedChange {
  /** As its journal has it: another one is not about this change. */
  readonly title: string;
  readonly request: OperationRequest;
  /** Where its journal lies, if not beside the image. */
  readonly journal?: string;
}

/** The last change of each image, so that it can be planned again after it was interrupted, and its journal be found. */
export class ChangeMemory {
  readonly #states: ViewStates;

  /** `store`: outlives the window, in which a change may be interrupted. */
  constructor(store: Store) {
    this.#states = new ViewStates(store, 'changes');
  }

  /** The last change of an image. */
  get(uri: string): RememberedChange | undefined {
    const kept = this.#states.get(uri);
    // Written by `set`.
    return typeof kept === 'string' ? (decode(kept) as RememberedChange) : undefined;
  }

  /** Remembers a change in place of the one before; undefined: there is none to undo any more. */
  async set(uri: string, change: RememberedChange | undefined): Promise<void> {
    await this.#states.set(uri, change === undefined ? null : encode(change));
  }
}
