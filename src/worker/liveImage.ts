import { useNotation } from '../engine/format/show.ts';
import { compareDigests, type TableDigests, tableDigests } from '../engine/image/tableDigests.ts';
import { noProgress, type Storage } from '../engine/ports.ts';
import type { JournalState } from '../protocol/changeApi.ts';
import type { LiveApi } from '../protocol/liveApi.ts';
import type { Changing } from '../protocol/messages.ts';
import type { FileNews, JournalNews, Locks, OpenCause } from '../protocol/news.ts';
import type { Settings } from '../protocol/settings.ts';
import { type FileAccess, noAccess } from './fileAccess.ts';
import { type ImageHandlers, type Inspected, inspectStorage } from './inspection.ts';
import { Refresh } from './refresh.ts';
import type { Handlers } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/** Openings whose tables are remembered. */
const remembered = 4;

/** Where an image comes from. */
export interface ImageSource {
  open(): Promise<Storage>;
  /** What can be told without reading: see `FileLook` of the platform. */
  look(): Promise<{ state: 'there'; stamp: string } | { state: 'lost'; message: string }>;
  /** Calls back when something may have happened. Returns the way to end that. */
  watch(heard: () => void): () => void;
  locks(): Promise<Locks>;
  /** What the rollback journal beside it, or at `place`, tells; absent where there can be none. Throws where it can't be read. */
  journal?(place: string | undefined): Promise<JournalState>;
  /** Milliseconds between two looks at it, where nothing is heard. */
  readonly lookEvery: number;
}

/** What the image tells to those around it. */
export interface LiveEvents {
  /** There is news for all views. */
  readonly news: (news: FileNews) => void;
  /** The image was opened anew: whatever is still being answered is about the one before. */
  readonly reopened: () => void;
  /** Whether requests are being answered. */
  readonly busy: () => boolean;
}

/** An opened image, and what is remembered of it for the next time. */
interface Opening {
  readonly number: number;
  readonly inspected: Inspected;
  readonly digests: SharedRun<TableDigests | undefined>;
  readonly abort: AbortController;
}

/**
 * One image that may change, vanish and come back: opened by the first request, and again when its file has changed.
 * An answer is always about one opening.
 */
export class LiveImage {
  readonly #source: ImageSource;
  readonly #events: LiveEvents;
  readonly #access: FileAccess;
  readonly #refresh: Refresh;
  readonly #known = new Map<number, TableDigests>();
  #opening: Promise<Opening> | undefined;
  #opened = { number: 0, cause: 'first' as OpenCause, at: 0 };
  #locks: Locks = { state: 'waiting' };
  #journal: JournalNews = { state: 'none' };
  #changing: Changing = { running: false };
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #reopening: Promise<unknown> = Promise.resolve();
  #stepping = false;
  #unwatch: (() => void) | undefined;

  /** `access`: what may be opened besides the image. */
  constructor(source: ImageSource, events: LiveEvents, access: FileAccess = noAccess()) {
    this.#source = source;
    this.#events = events;
    this.#access = access;
    this.#refresh = new Refresh({
      look: () => source.look(),
      reopen: () => this.#reopen('changed'),
      busy: events.busy,
      tell: () => this.#tell(),
      now: Date.now,
    });
  }

  /** What is known now. */
  get news(): FileNews {
    const { number, cause, at } = this.#opened;
    const { state: file, paused } = this.#refresh;
    return { opened: number, cause, openedAt: at, file, paused, locks: this.#locks, journal: this.#journal };
  }

  /** The methods, once the image is open. Where that fails, the next call tries again. */
  async handlers(): Promise<Handlers> {
    this.#watch();
    this.#opening ??= this.#first();
    const { inspected, digests, abort, number } = await this.#opening;
    return { ...inspected.handlers, ...this.#liveMethods(number, inspected.handlers, digests, abort.signal) };
  }

  /** Opens the image again by the user's word. Where that fails, what was read before stays. */
  async reload(): Promise<void> {
    try {
      await this.#refresh.reading(() => this.#reopen('asked'));
    } catch {
      // Told to the views as a file that is lost.
    }
  }

  /** The user's settings. Another notation is in what was told already, so that it is read again. */
  configure({ refreshOnChange, addresses }: Settings): void {
    this.#refresh.mode = refreshOnChange;
    if (useNotation(addresses) && this.#opened.number > 0) {
      void this.reload();
    }
    this.#soon(0);
  }

  /** Stops reading changes by itself, or goes on. */
  pause(paused: boolean): void {
    this.#refresh.paused = paused;
    this.#tell();
    this.#soon(0);
  }

  /** The image is being changed by this window, or no longer: what its journal tells meanwhile is no news. */
  changing(changing: Changing): void {
    this.#changing = changing;
    this.#soon(0);
  }

  #first(): Promise<Opening> {
    const opening = (async (): Promise<Opening> => {
      let opened: Opening | undefined;
      await this.#refresh.reading(async () => {
        opened = await this.#open('first');
      });
      if (opened === undefined) {
        throw new Error('The image was not opened');
      }
      this.#tell();
      return opened;
    })();
    opening.catch(() => {
      if (this.#opening === opening) {
        this.#opening = undefined;
      }
    });
    return opening;
  }

  async #open(cause: OpenCause): Promise<Opening> {
    const inspected = await inspectStorage(await this.#source.open(), this.#access);
    // A number that no earlier worker of this image has used.
    const number = Math.max(this.#opened.number + 1, Date.now());
    this.#opened = { number, cause, at: Date.now() };
    const digests = sharedRun(async (progress) => {
      const found = await tableDigests(inspected.image, progress);
      if (found !== undefined) {
        this.#remember(number, found);
      }
      return found;
    });
    return { number, inspected, digests, abort: new AbortController() };
  }

  /** Opens the file, which may be another one by now, before the image that was open is given up. */
  #reopen(cause: OpenCause): Promise<void> {
    const reopened = this.#reopening.then(() => this.#replace(cause));
    this.#reopening = reopened.catch(() => undefined);
    return reopened;
  }

  async #replace(cause: OpenCause): Promise<void> {
    const before = await this.#opening?.catch(() => undefined);
    const next = await this.#open(before === undefined ? 'first' : cause);
    this.#opening = Promise.resolve(next);
    // In this order: replies that come after the news are about the image as it is now.
    this.#tell();
    this.#events.reopened();
    before?.abort.abort();
    await before?.inspected.close();
  }

  #remember(number: number, digests: TableDigests): void {
    this.#known.set(number, digests);
    for (const old of [...this.#known.keys()].slice(0, -remembered)) {
      this.#known.delete(old);
    }
  }

  #liveMethods(
    number: number,
    { scan }: ImageHandlers,
    digests: Opening['digests'],
    signal: AbortSignal,
  ): Pick<Handlers, keyof LiveApi | 'scan'> {
    const background = { signal, report: () => undefined, progress: noProgress };
    return {
      scan: async (argument, context) => {
        const result = await scan(argument, context);
        // For the next time that the file changes. A failure is met again by whoever asks for the tables.
        digests.result(background).catch(() => undefined);
        return result;
      },
      tableChanges: async ({ since }, context) => {
        const before = this.#known.get(since);
        const after = before && (await digests.result(context));
        return before && after && number !== since ? compareDigests(before, after) : null;
      },
    };
  }

  #tell(): void {
    this.#events.news(this.news);
  }

  /** From the first request on: looks at hints, and now and then. */
  #watch(): void {
    if (this.#unwatch === undefined) {
      this.#unwatch = this.#source.watch(() => this.#soon(100));
      this.#soon(0);
    }
  }

  /** Looks in so many milliseconds, or earlier: hints that come all the time must not put it off. */
  #soon(milliseconds: number): void {
    const due = performance.now() + milliseconds;
    if (this.#unwatch === undefined || due >= this.#due) {
      return;
    }
    this.#due = due;
    if (this.#stepping) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#stepping = true;
      void this.#step().then((wait) => {
        this.#stepping = false;
        // Something may have been heard meanwhile.
        const heard = this.#due - performance.now();
        this.#due = Number.POSITIVE_INFINITY;
        this.#soon(Math.max(0, Math.min(wait, this.#source.lookEvery, heard)));
      });
    }, milliseconds);
  }

  /** Gives the milliseconds after which to look again. */
  async #step(): Promise<number> {
    // A first opening that is under way, or has failed, tells by itself.
    await this.#opening?.catch(() => undefined);
    const wait = await this.#refresh.step();
    await this.#lookAround();
    return wait;
  }

  async #lookAround(): Promise<void> {
    const [locks, journal] = [await this.#source.locks(), await this.#lookAtJournal()];
    if (JSON.stringify([locks, journal]) !== JSON.stringify([this.#locks, this.#journal])) {
      this.#locks = locks;
      this.#journal = journal;
      this.#tell();
    }
  }

  async #lookAtJournal(): Promise<JournalNews> {
    if (this.#changing.running) {
      return { state: 'running' };
    }
    try {
      return (await this.#source.journal?.(this.#changing.journal)) ?? { state: 'none' };
    } catch {
      // A folder or file that can't be read: the image itself tells more of that. Planning a change says it.
      return { state: 'none' };
    }
  }
}
