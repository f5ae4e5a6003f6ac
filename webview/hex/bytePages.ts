import type { CallError } from '../../src/protocol/api.ts';
import type { BytePage, ByteRun } from '../../src/protocol/hexApi.ts';
import { callError } from '../loaded.ts';
import { byteWords } from './byteKinds.ts';

/** Bytes of a page: what is asked for is a whole number of them. */
export const pageBytes = 4096n;
/** Pages that are kept. */
const mostPages = 256;

/** What is to be painted for one byte. Only `stored` has a value that was read; `zeros` are stored nowhere. */
export type PaintedByte =
  | { readonly state: 'loading' }
  | { readonly state: 'failed' }
  | { readonly state: 'past-end' }
  | { readonly state: 'stored'; readonly value: number; readonly run: ByteRun }
  | { readonly state: 'zeros'; readonly run: ByteRun }
  | { readonly state: 'unknown'; readonly run: ByteRun };

const loading = { state: 'loading' } as const;
const failed = { state: 'failed' } as const;
const pastEnd = { state: 'past-end' } as const;

/** One request, or what came of it. */
interface Chunk {
  readonly first: bigint;
  readonly last: bigint;
  page: BytePage | undefined;
  error: CallError | undefined;
  readonly abort: AbortController;
}

/** Asks for bytes from `start` on. */
export type AskBytes = (start: bigint, length: bigint, signal: AbortSignal) => Promise<BytePage>;

/**
 * The bytes of a space as far as they are known: asks for the pages that are in view, and keeps the last ones. Fires
 * `change` whenever more is known. A byte that is not known yet is `loading`, never a value.
 */
export class BytePages extends EventTarget {
  /** Bytes of the space: as the description says, then as the worker does. */
  size: bigint;
  readonly #ask: AskBytes;
  /** By page index, the last one used at the end. */
  readonly #chunks = new Map<bigint, Chunk>();
  #wanted = { first: 0n, last: -1n };
  #closed = false;

  constructor(size: bigint, ask: AskBytes) {
    super();
    this.size = size;
    this.#ask = ask;
  }

  /** Why bytes in view are missing; undefined where none failed. */
  get error(): CallError | undefined {
    return [...this.#inView()].find((chunk) => chunk?.error)?.error;
  }

  /** Whether all that is in view is there, or failed. */
  get settled(): boolean {
    return [...this.#inView()].every((chunk) => chunk?.page !== undefined || chunk?.error !== undefined);
  }

  /** Says which bytes are in view: those that are missing are asked for, others that are still asked for are not any more. */
  want(start: bigint, end: bigint): void {
    const stop = end < this.size ? end : this.size;
    this.#wanted = { first: start / pageBytes, last: start < stop ? (stop - 1n) / pageBytes : start / pageBytes - 1n };
    for (const [index, chunk] of this.#chunks) {
      const away = chunk.last < this.#wanted.first || chunk.first > this.#wanted.last;
      if (away && chunk.page === undefined) {
        chunk.abort.abort();
        this.#chunks.delete(index);
      }
    }
    for (let index = this.#wanted.first; index <= this.#wanted.last; ) {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) {
        let last = index;
        while (last < this.#wanted.last && !this.#chunks.has(last + 1n)) {
          last++;
        }
        this.#request(index, last);
        index = last + 1n;
      } else {
        this.#chunks.delete(index);
        this.#chunks.set(index, chunk);
        index++;
      }
    }
    for (const index of this.#chunks.keys()) {
      if (this.#chunks.size <= mostPages) {
        break;
      }
      this.#chunks.delete(index);
    }
  }

  /** Asks again for what has failed. */
  retry(): void {
    for (const [index, chunk] of this.#chunks) {
      if (chunk.error !== undefined) {
        this.#chunks.delete(index);
      }
    }
    this.want(this.#wanted.first * pageBytes, (this.#wanted.last + 1n) * pageBytes);
  }

  /** What there is at an offset. */
  at(offset: bigint): PaintedByte {
    if (offset >= this.size) {
      return pastEnd;
    }
    const chunk = this.#chunks.get(offset / pageBytes);
    if (chunk?.page === undefined) {
      return chunk?.error === undefined ? loading : failed;
    }
    const index = Number(offset - chunk.page.start);
    const run = chunk.page.runs.find(({ from, to }) => from <= index && index < to);
    if (run === undefined) {
      return pastEnd;
    }
    const { nature } = byteWords[run.kind];
    return nature === 'stored'
      ? { state: 'stored', value: chunk.page.bytes[index] ?? 0, run }
      : nature === 'zeros'
        ? { state: 'zeros', run }
        : { state: 'unknown', run };
  }

  /** Host offset of a byte, where it is stored as it is; of a compressed one, that of its compressed data. */
  hostAt(offset: bigint): bigint | undefined {
    const chunk = this.#chunks.get(offset / pageBytes);
    const byte = this.at(offset);
    if (chunk?.page === undefined || !('run' in byte) || byte.run.host === undefined) {
      return undefined;
    }
    const before = offset - chunk.page.start - BigInt(byte.run.from);
    return byte.run.kind === 'compressed' ? byte.run.host : byte.run.host + before;
  }

  /** The value of a byte as it reads; undefined where it is not known. */
  valueAt(offset: bigint): number | undefined {
    const byte = this.at(offset);
    return byte.state === 'stored' ? byte.value : byte.state === 'zeros' ? 0 : undefined;
  }

  /** Asks for nothing any more. */
  close(): void {
    this.#closed = true;
    for (const { abort } of this.#chunks.values()) {
      abort.abort();
    }
  }

  *#inView(): Iterable<Chunk | undefined> {
    for (let index = this.#wanted.first; index <= this.#wanted.last; index++) {
      yield this.#chunks.get(index);
    }
  }

  #request(first: bigint, last: bigint): void {
    const chunk: Chunk = { first, last, page: undefined, error: undefined, abort: new AbortController() };
    for (let index = first; index <= last; index++) {
      this.#chunks.set(index, chunk);
    }
    this.#ask(first * pageBytes, (last + 1n - first) * pageBytes, chunk.abort.signal).then(
      (page) => {
        chunk.page = page;
        this.size = page.size;
        this.#changed(chunk);
      },
      (thrown: unknown) => {
        chunk.error = callError(thrown);
        this.#changed(chunk);
      },
    );
  }

  #changed(chunk: Chunk): void {
    if (!this.#closed && !chunk.abort.signal.aborted) {
      this.dispatchEvent(new Event('change'));
    }
  }
}
