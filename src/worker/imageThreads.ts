import { ImageThread } from './imageThread.ts';

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

  /** The thread of the image at `path`. Each call needs a `release` later. */
  open(path: string): ImageThread {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      entry = { thread: new ImageThread(this.#entry, path, this.#report), closing: undefined };
      this.#entries.set(path, entry);
    }
    clearTimeout(entry.closing);
    return entry.thread;
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

  /** Ends the thread of the image at `path`, if there is one; the next request starts it anew. */
  async restart(path: string): Promise<void> {
    await this.#entries.get(path)?.thread.stop();
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
