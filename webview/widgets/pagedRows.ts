import { type Ask, type Loaded, load, settled } from '../loaded.ts';

/** Rows that a grid asks for as they come into view. Fires `change` when some have come, or can't. */
export interface RowSource<T> extends EventTarget {
  /** How many rows there are: a plain number, up to 2^53. */
  readonly count: number;
  /** A row, if it is there. */
  row(position: number): T | undefined;
  /** Of a row that is not there: words to be shown in its place; empty in the first 200 ms. */
  note(position: number): string;
  /** The rows `from` to `to` (exclusive) are in view; those that are not there are asked for. */
  want(from: number, to: number): void;
}

/** Rows that are asked for together. */
const pageRows = 128;
/** Pages that are kept: those that were in view last. */
const mostPages = 32;

/** How a page is asked for: `count` rows from position `from` on. */
export type AskPage<T> = (from: number, count: number, ...how: Parameters<Ask<never>>) => Promise<readonly T[]>;

/** Rows by pages: those in view are asked for, what left the view before it came is cancelled, the last pages are kept. */
export class PagedRows<T> extends EventTarget implements RowSource<T> {
  readonly count: number;
  readonly #ask: AskPage<T>;
  /** By number, the page that was in view last at the end. */
  readonly #pages = new Map<number, { loaded: Loaded<readonly T[]>; readonly cancel: () => void }>();
  #first = 0;
  #end = 0;

  constructor(count: number, ask: AskPage<T>) {
    super();
    this.count = count;
    this.#ask = ask;
  }

  row(position: number): T | undefined {
    const loaded = this.#pages.get(Math.floor(position / pageRows))?.loaded;
    return loaded?.state === 'ready' ? loaded.value[position % pageRows] : undefined;
  }

  note(position: number): string {
    const loaded = this.#pages.get(Math.floor(position / pageRows))?.loaded;
    switch (loaded?.state) {
      case 'failed':
        return 'could not be read';
      case 'ready':
        return 'is not there any more';
      case 'loading':
        return loaded.slow ? 'reading…' : '';
      default:
        return '';
    }
  }

  want(from: number, to: number): void {
    this.#first = Math.floor(from / pageRows);
    this.#end = Math.ceil(Math.min(to, this.count) / pageRows);
    for (const [number, { loaded, cancel }] of this.#pages) {
      if (!settled(loaded) && !this.#wanted(number)) {
        cancel();
        this.#pages.delete(number);
      }
    }
    for (let number = this.#first; number < this.#end; number++) {
      const page = this.#pages.get(number);
      if (page) {
        this.#pages.delete(number);
        this.#pages.set(number, page);
      } else {
        this.#load(number);
      }
    }
    for (const number of this.#pages.keys()) {
      if (this.#pages.size > mostPages && !this.#wanted(number)) {
        this.#pages.delete(number);
      }
    }
  }

  /** The worst of the pages in view: failed, else loading, else ready. */
  get state(): Loaded<unknown> {
    const inView = [...this.#pages].filter(([number]) => this.#wanted(number)).map(([, { loaded }]) => loaded);
    return inView.find(({ state }) => state === 'failed') ?? inView.find((one) => !settled(one)) ?? allReady;
  }

  /** Asks again for the pages in view that failed. */
  retry(): void {
    for (const [number, { loaded }] of this.#pages) {
      if (loaded.state === 'failed') {
        this.#pages.delete(number);
      }
    }
    this.want(this.#first * pageRows, this.#end * pageRows);
  }

  /** Cancels what is under way. */
  close(): void {
    this.want(0, 0);
  }

  #wanted(number: number): boolean {
    return number >= this.#first && number < this.#end;
  }

  #load(number: number): void {
    const from = number * pageRows;
    const count = Math.min(pageRows, this.count - from);
    const page: { loaded: Loaded<readonly T[]>; cancel: () => void } = {
      loaded: { state: 'waiting' },
      cancel: () => undefined,
    };
    this.#pages.set(number, page);
    page.cancel = load(
      (signal, report) => this.#ask(from, count, signal, report),
      (loaded) => {
        page.loaded = loaded;
        if (loaded.state !== 'cancelled') {
          this.dispatchEvent(new Event('change'));
        }
      },
    );
  }
}

const allReady: Loaded<undefined> = { state: 'ready', value: undefined };
