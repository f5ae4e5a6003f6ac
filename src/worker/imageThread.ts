import { Worker } from 'node:worker_threads';
import type { CallError } from '../protocol/api.ts';
import type { FromWorker, ToWebview, ToWorker } from '../protocol/messages.ts';
import { stackOf } from './server.ts';

/** Megabytes of JavaScript objects at which a worker is stopped, rather than the whole extension host. */
const heapLimit = 1024;

/** The thread that reads one image, for all views on it. It is started by the first request, and after a crash by the next. */
export class ImageThread {
  readonly #entry: string;
  readonly #path: string;
  readonly #report: (defect: string) => void;
  readonly #views = new Map<number, (message: ToWebview) => void>();
  #lastView = 0;
  #worker: Worker | undefined;

  /**
   * @param entry - file of the worker's bundle (or `main.ts`)
   * @param path - path of the image
   * @param report - is told the stack of an error that nobody foresaw
   */
  constructor(entry: string, path: string, report: (defect: string) => void) {
    this.#report = report;
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
  request(view: number, body: string): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage({ view, body } satisfies ToWorker);
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
    const worker = new Worker(this.#entry, {
      workerData: { path: this.#path },
      // Not what the extension host was started with, such as modules to load first.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapLimit },
    });
    worker.on('message', (message: FromWorker) => this.#hear(message));
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

  #hear(message: FromWorker): void {
    if ('defect' in message) {
      this.#report(message.defect);
    } else {
      this.#views.get(message.view)?.({ type: 'reply', body: message.body });
    }
  }

  /** Tells every view, once a worker, that it will get no more replies. */
  #lost(worker: Worker, error: CallError): void {
    if (this.#worker === worker) {
      this.#worker = undefined;
      for (const post of this.#views.values()) {
        post({ type: 'stopped', error });
      }
    }
  }
}
