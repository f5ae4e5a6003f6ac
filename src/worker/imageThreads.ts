import type { Changing } from '../protocol/messages.ts';
import { defaultSettings, type Settings } from '../protocol/settings.ts';
import { Allowed } from './allowed.ts';
import { ImageThread, type VirtualFile } from './imageThread.ts';

/** Milliseconds that a thread outlives its last view: a tab that is moved closes and opens its view. */
const lingerTime = 5000;

interface Entry {
  readonly thread: ImageThread;
  closing: NodeJS.Timeout | undefined;
}

/** The threads of all images that are open: one an image, however many views it has. */
export class ImageThreads {
  readonly #entry: string;
  readonly #report: (defect: string) => void;
  readonly #linger: number;
  readonly #entries = new Map<string, Entry>();
  readonly #allowed = new Allowed();
  readonly #changing = new Map<string, Changing>();
  #settings: Settings = defaultSettings;

  /**
   * @param entry - file of the worker's bundle
   * @param report - is told the stack of an error that nobody foresaw
   * @param linger - milliseconds that a thread outlives its last view
   */
  constructor(entry: string, report: (defect: string) => void, linger = lingerTime) {
    this.#report = report;
    this.#entry = entry;
    this.#linger = linger;
  }

  /** How many images have a thread, or had one a moment ago. */
  get size(): number {
    return this.#entries.size;
  }

  /** The user's settings, for the threads that are there and those to come. */
  configure(settings: Settings): void {
    this.#settings = settings;
    for (const { thread } of this.#entries.values()) {
      thread.configure(settings);
    }
  }

  /** Whether the user trusts the workspace, for the threads that are there and those to come. Until it is told: no. */
  trust(trusted: boolean): void {
    this.#allowed.trusted = trusted;
    for (const { thread } of this.#entries.values()) {
      thread.trust(trusted);
    }
  }

  /** Says that the image at `path` is being changed by this window, or no longer, and where its journal lies. */
  changing(path: string, changing: Changing): void {
    if (changing.running || changing.journal !== undefined) {
      this.#changing.set(path, changing);
    } else {
      this.#changing.delete(path);
    }
    this.#entries.get(path)?.thread.changing(changing);
  }

  /** Forgets what the user has said of the files of the image at `path`: it is no longer shown. */
  forget(path: string): void {
    this.#allowed.keep(path, undefined);
    this.#entries.get(path)?.thread.forget();
  }

  /**
   * The thread of the image at `path`. Each call needs a `release` later.
   *
   * @param virtual - reads the file, where it is not one of the system; `path` is then the text of its URI
   */
  open(path: string, virtual?: VirtualFile): ImageThread {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      entry = { thread: new ImageThread(this.#entry, path, this.#report, this.#allowed, virtual), closing: undefined };
      entry.thread.configure(this.#settings);
      entry.thread.changing(this.#changing.get(path) ?? { running: false });
      this.#entries.set(path, entry);
    }
    clearTimeout(entry.closing);
    return entry.thread;
  }

  /** A thread of the image at `path` that nobody else uses, and that opens no other file. It has to be stopped. */
  alone(path: string): ImageThread {
    const thread = new ImageThread(this.#entry, path, this.#report, new Allowed());
    thread.configure(this.#settings);
    return thread;
  }

  /** Says that a view on `path` has gone. The last one takes the thread with it, in a while. */
  release(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined || entry.thread.views > 0) {
      return;
    }
    clearTimeout(entry.closing);
    entry.closing = setTimeout(() => {
      if (entry.thread.views === 0) {
        this.#entries.delete(path);
        void entry.thread.stop();
      }
    }, this.#linger);
  }

  /** Opens the image at `path` again in its thread, if there is one. */
  reload(path: string): void {
    this.#entries.get(path)?.thread.reload();
  }

  /** Ends all threads. */
  async dispose(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { closing } of entries) {
      clearTimeout(closing);
    }
    await Promise.all(entries.map(({ thread }) => thread.stop('Qcow2 Inspector is being shut down.')));
  }
}
