import type { ChainPicture } from '../src/protocol/chainApi.ts';
import type { Client } from '../src/protocol/client.ts';
import type { Image } from './description.ts';
import { type Loaded, load, readyValue, settled } from './loaded.ts';

/** What this view knows of the files that the image is based on. */
export class ChainState {
  /** What is known; the last that is, while it is asked for again. */
  picture: Loaded<ChainPicture> = { state: 'waiting' };
  /** The opening or closing that the user has asked for last. */
  change: Loaded<ChainPicture> = { state: 'waiting' };
  readonly #client: () => Client;
  readonly #changed: (other: boolean) => void;
  #cancel: () => void = () => undefined;
  #generation: number | undefined;

  /**
   * @param client - asks about the image that is shown
   * @param changed - is called when something is known anew; `other`: parts of the guest's disk may come from other files
   */
  constructor(client: () => Client, changed: (other: boolean) => void) {
    this.#client = client;
    this.#changed = changed;
  }

  /** Asks what is known, which opens nothing. */
  ask(): void {
    this.#cancel();
    const client = this.#client();
    this.#cancel = load(
      (signal, onProgress) => client.call('chain', undefined, { signal, onProgress }),
      (next) => {
        if (next.state !== 'cancelled' && (settled(next) || this.picture.state !== 'ready')) {
          this.#learn(next);
        }
      },
    );
  }

  /** Something else can be told, whatever was known before. */
  heard(): void {
    this.#generation ??= -1;
    this.ask();
  }

  /** Opens the chain: the user has said so. */
  open(guess: boolean): void {
    const client = this.#client();
    this.#run((signal, onProgress) => client.call('openChain', { guess }, { signal, onProgress }));
  }

  /** Closes the chain. */
  close(): void {
    const client = this.#client();
    this.#run((signal, onProgress) => client.call('closeChain', undefined, { signal, onProgress }));
  }

  /** The image was read, perhaps again: what is known was about another one. */
  follow({ backing, dataFile }: Image): void {
    this.change = { state: 'waiting' };
    if (backing !== undefined || dataFile !== undefined || this.picture.state !== 'waiting') {
      this.ask();
    }
  }

  #run(ask: (signal: AbortSignal, report: (done: number, total: number) => void) => Promise<ChainPicture>): void {
    load(ask, (change) => {
      this.change = change;
      if (change.state === 'ready') {
        this.#learn(change);
      } else {
        this.#changed(false);
      }
    });
  }

  #learn(picture: Loaded<ChainPicture>): void {
    this.picture = picture;
    const generation = readyValue(picture)?.generation ?? this.#generation;
    const other = this.#generation !== undefined && generation !== this.#generation;
    this.#generation = generation;
    this.#changed(other);
  }
}
