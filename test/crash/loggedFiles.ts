import type { FileState, ImageStorage, JournalPlace, WritableStorage } from '../../src/engine/ports.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

/** What was done to a file, in order. */
export type Act =
  | { readonly kind: 'write'; readonly at: bigint; readonly bytes: Uint8Array }
  | { readonly kind: 'resize'; readonly size: bigint }
  | { readonly kind: 'flush' };

/** An act on one of the two files; `publish` and `remove` are the journal's. */
export interface LoggedAct {
  readonly file: 'image' | 'journal';
  readonly act: Act | { readonly kind: 'publish' } | { readonly kind: 'remove' };
}

/** The identity of the image in memory. */
export const identity = 'memory:1';

/** An image and its journal in memory, with a log of all that is done to them. */
export class LoggedFiles {
  readonly log: LoggedAct[] = [];
  readonly image: ImageStorage;
  readonly place: JournalPlace;
  /** Called before each act; what it throws is the act's failure. */
  onAct: (act: LoggedAct) => void = () => undefined;
  #journal: MemoryStorage | undefined;
  #unpublished: MemoryStorage | undefined;

  /** Changes `content`. */
  constructor(content: MemoryStorage, journal?: MemoryStorage) {
    this.#journal = journal;
    const image = this.#writable('image', content);
    this.image = {
      ...image,
      state: async () => this.#state(content),
      allocate: async (at, length) => image.resize(at + length > content.size ? at + length : content.size),
      discard: async (at, length) => image.write(at, new Uint8Array(Number(length))),
    };
    this.place = {
      path: 'image.undo-journal',
      create: async () => {
        this.#unpublished = new MemoryStorage();
        return this.#writable('journal', this.#unpublished);
      },
      publish: async () => {
        this.#log('journal', { kind: 'publish' });
        this.#journal = this.#unpublished;
      },
      open: async () => this.#journal && this.#writable('journal', this.#journal),
      remove: async (published) => {
        this.#log('journal', { kind: 'remove' });
        this.#unpublished = undefined;
        this.#journal = published ? undefined : this.#journal;
      },
    };
  }

  /** The journal that is there. */
  get journal(): MemoryStorage | undefined {
    return this.#journal;
  }

  #state(content: MemoryStorage): FileState {
    const writes = BigInt(this.log.filter(({ file }) => file === 'image').length);
    return { identity, size: content.size, modified: writes, changed: writes };
  }

  #writable(file: 'image' | 'journal', content: MemoryStorage): WritableStorage {
    return {
      size: content.size,
      read: (at, into) => content.read(at, into),
      extents: (from, to) => content.extents(from, to),
      write: async (at, bytes) => {
        this.#log(file, { kind: 'write', at, bytes: bytes.slice() });
        content.write(at, bytes);
      },
      resize: async (size) => {
        this.#log(file, { kind: 'resize', size });
        content.truncate(size);
      },
      flush: async () => this.#log(file, { kind: 'flush' }),
      close: async () => undefined,
    };
  }

  #log(file: LoggedAct['file'], act: LoggedAct['act']): void {
    this.onAct({ file, act });
    this.log.push({ file, act });
  }
}
