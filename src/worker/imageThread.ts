import { Worker } from 'node:worker_threads';
import type { CallError } from '../protocol/api.ts';
import type { Changing, FromWorker, ToWebview, ToWorker, VirtualLook, WorkerStart } from '../protocol/messages.ts';
import { defaultSettings, type Settings } from '../protocol/settings.ts';
import type { Allowed } from './allowed.ts';
import { stackOf } from './server.ts';

/** Megabytes of JavaScript objects at which a worker is stopped, rather than the whole extension host. */
const heapLimit = 1024;

/** A file of a virtual file system, as the host reads it. */
export interface VirtualFile {
  /** All of its bytes. Throws an error whose message says what is wrong and what to do. */
  read(): Promise<Uint8Array>;
  /** What can be told without reading. */
  look(): Promise<VirtualLook>;
  /** Calls back when something may have happened. Returns the way to end that. */
  watch(heard: () => void): () => void;
}

/** The thread that reads one image, for all views on it. It is started by the first request, and after a crash by the next. */
export class ImageThread {
  readonly #entry: string;
  readonly #path: string;
  readonly #report: (defect: string) => void;
  readonly #virtual: VirtualFile | undefined;
  readonly #allowed: Allowed;
  #settings: Settings = defaultSettings;
  #changing: Changing = { running: false };
  #unwatch: () => void = () => undefined;
  readonly #views = new Map<number, (message: ToWebview) => void>();
  #lastView = 0;
  #worker: Worker | undefined;

  /**
   * @param entry - file of the worker's bundle (or `main.ts`)
   * @param path - path of the image
   * @param report - is told the stack of an error that nobody foresaw
   * @param allowed - what the user allows the threads to open besides their images
   * @param virtual - reads the file, where it is not one of the system; `path` is then what it is called
   */
  constructor(entry: string, path: string, report: (defect: string) => void, allowed: Allowed, virtual?: VirtualFile) {
    this.#report = report;
    this.#allowed = allowed;
    this.#virtual = virtual;
    this.#entry = entry;
    this.#path = path;
  }

  /** How many views there are. */
  get views(): number {
    return this.#views.size;
  }

  /** Adds a view, which gets its replies through `post`; returns its number. */
  attach(post: (message: ToWebview) => void): number {
    this.#views.set(++this.#lastView, post);
    return this.#lastView;
  }

  /** Removes a view; what it has asked is cancelled. */
  detach(view: number): void {
    this.#views.delete(view);
    this.#worker?.postMessage({ closed: view } satisfies ToWorker);
  }

  /** Passes a request of a view on; `body` is a `Request` as `encode` writes it. */
  request(view: number, body: string, from: 'page' | 'host' = 'page'): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage({ view, body, from } satisfies ToWorker);
  }

  /** Opens the image again, and lets every view know; without a thread, the next request opens it anyway. */
  reload(): void {
    this.#worker?.postMessage({ reload: true } satisfies ToWorker);
  }

  /** Stops reading changes by itself, or goes on. */
  pause(paused: boolean): void {
    this.#worker?.postMessage({ paused } satisfies ToWorker);
  }

  /** The user's settings, from now on. */
  configure(settings: Settings): void {
    this.#settings = settings;
    this.#worker?.postMessage({ settings } satisfies ToWorker);
  }

  /** The image is being changed, or no longer. */
  changing(changing: Changing): void {
    this.#changing = changing;
    this.#worker?.postMessage({ changing } satisfies ToWorker);
  }

  /** Has the thread forget what the user has said of the files that the image names. */
  forget(): void {
    this.#worker?.postMessage({ forget: true } satisfies ToWorker);
  }

  /** Tells the thread whether the user trusts the workspace. */
  trust(trusted: boolean): void {
    this.#worker?.postMessage({ trusted } satisfies ToWorker);
  }

  /** Ends the thread and closes the file. Everything asked so far fails with `reason`; a request starts it anew. */
  async stop(reason = 'The image is read again.'): Promise<void> {
    const worker = this.#worker;
    if (worker !== undefined) {
      this.#lost(worker, { code: 'stopped', message: reason });
      await worker.terminate();
    }
  }

  #start(): Worker {
    const consent = this.#allowed.consents.get(this.#path);
    const worker = new Worker(this.#entry, {
      workerData: {
        path: this.#path,
        virtual: this.#virtual !== undefined,
        settings: this.#settings,
        trusted: this.#allowed.trusted,
        changing: this.#changing,
        ...(consent === undefined ? {} : { consent }),
      } satisfies WorkerStart,
      // Not what the extension host was started with, such as modules to load first.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapLimit },
    });
    worker.on('message', (message: FromWorker) => this.#hear(worker, message));
    this.#unwatch();
    this.#unwatch = this.#virtual?.watch(() => worker.postMessage({ heard: true } satisfies ToWorker)) ?? this.#unwatch;
    worker.on('error', (error) => {
      this.#report(stackOf(error));
      this.#lost(worker, {
        code: 'stopped',
        message: `The reader of ${this.#path} has crashed. Retry. ${String(error)}`,
      });
    });
    worker.on('exit', (code) =>
      this.#lost(worker, {
        code: 'stopped',
        message: `The reader of ${this.#path} has ended (exit code ${code}). Retry.`,
      }),
    );
    return worker;
  }

  #hear(worker: Worker, message: FromWorker): void {
    if ('defect' in message) {
      this.#report(message.defect);
    } else if ('asks' in message) {
      void this.#answer(worker, message.asks, message.number);
    } else if ('consent' in message) {
      this.#allowed.keep(this.#path, message.consent);
      for (const post of this.#views.values()) {
        post({ type: 'chain' });
      }
    } else if ('news' in message) {
      const posts = message.view === undefined ? this.#views.values() : [this.#views.get(message.view)];
      for (const post of posts) {
        post?.({ type: 'news', news: message.news });
      }
    } else {
      this.#views.get(message.view)?.({ type: 'reply', body: message.body });
    }
  }

  /** Answers the worker of a virtual file. */
  async #answer(worker: Worker, asks: 'bytes' | 'look', answer: number): Promise<void> {
    let message: ToWorker;
    try {
      const value = await (asks === 'bytes' ? this.#virtual?.read() : this.#virtual?.look());
      message = value === undefined ? { answer, error: `${this.#path} is no virtual file` } : { answer, value };
    } catch (error) {
      message = { answer, error: error instanceof Error ? error.message : String(error) };
    }
    worker.postMessage(message);
  }

  /** Tells every view, once a worker, that it will get no more replies. */
  #lost(worker: Worker, error: CallError): void {
    if (this.#worker === worker) {
      this.#worker = undefined;
      this.#unwatch();
      this.#unwatch = () => undefined;
      for (const post of this.#views.values()) {
        post({ type: 'stopped', error });
      }
    }
  }
}
