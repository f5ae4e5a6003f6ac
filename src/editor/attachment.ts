import type { ToWebview } from '../protocol/messages.ts';
import type { ImageThread, VirtualFile } from '../worker/imageThread.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';

/** The link of one editor with the thread of its image. It is made by the first request, and again after it was left. */
export class Attachment {
  readonly #threads: ImageThreads;
  readonly #path: string;
  readonly #post: (message: ToWebview) => void;
  readonly #virtual: VirtualFile | undefined;
  #joined: { readonly thread: ImageThread; readonly view: number } | undefined;

  /**
   * @param post - passes a message of the thread on
   * @param virtual - reads the file, where it is not one of the system
   */
  constructor(
    threads: ImageThreads,
    path: string,
    post: (message: ToWebview) => void,
    virtual: VirtualFile | undefined,
  ) {
    this.#threads = threads;
    this.#path = path;
    this.#post = post;
    this.#virtual = virtual;
  }

  /** Passes a request on; `body` is a `Request` as `encode` writes it. */
  request(body: string): void {
    const { thread, view } = this.#join();
    thread.request(view, body);
  }

  /** Stops reading changes of the file by itself, or goes on. */
  pause(paused: boolean): void {
    this.#joined?.thread.pause(paused);
  }

  /** The view has gone or is hidden: nothing more is posted, and a thread without views gives its file back. */
  leave(): void {
    if (this.#joined !== undefined) {
      this.#joined.thread.detach(this.#joined.view);
      this.#joined = undefined;
      this.#threads.release(this.#path);
    }
  }

  #join(): { readonly thread: ImageThread; readonly view: number } {
    if (this.#joined === undefined) {
      const thread = this.#threads.open(this.#path, this.#virtual);
      this.#joined = { thread, view: thread.attach(this.#post) };
    }
    return this.#joined;
  }
}
