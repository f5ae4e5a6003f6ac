import { createHash } from 'node:crypto';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { HostExtent, Storage } from '../../src/engine/ports.ts';

const pageSize = 4096;
const zeros = Buffer.alloc(pageSize);
/** Of pages that several files have, which are never written. */
const pageDigests = new WeakMap<Uint8Array, string>();

/**
 * A file in memory that keeps only the pages that were written: a size of many TB costs nothing. `extents` reports
 * written pages as data and the rest as holes, as a sparse file does.
 */
export class MemoryStorage implements Storage {
  size: bigint;
  readonly #pages = new Map<number, Uint8Array>();
  /** The pages that no copy has too: the others are copied before they are written. */
  readonly #own = new Set<number>();

  /** An empty file of `size` bytes (all hole), or one with the given bytes. */
  constructor(content: bigint | Uint8Array = 0n) {
    this.size = typeof content === 'bigint' ? content : 0n;
    if (typeof content !== 'bigint') {
      this.write(0n, content);
    }
  }

  /** Bytes of the pages that were written. */
  get allocated(): bigint {
    return BigInt(this.#pages.size * pageSize);
  }

  /** Writes at host offset `at` (bytes); the file grows as needed. */
  write(at: bigint, bytes: Uint8Array): void {
    eachPage(at, bytes.length, (page, inPage, done, length) => {
      this.#toWrite(page).set(bytes.subarray(done, done + length), inPage);
    });
    const end = at + BigInt(bytes.length);
    if (end > this.size) {
      this.size = end;
    }
  }

  /** A copy that can be changed on its own. */
  clone(): MemoryStorage {
    const copy = new MemoryStorage(this.size);
    for (const [page, content] of this.#pages) {
      copy.#pages.set(page, content);
    }
    this.#own.clear();
    return copy;
  }

  /** Whether another file is the same, byte for byte. */
  equals(other: MemoryStorage): boolean {
    const pages = new Set([...this.#pages.keys(), ...other.#pages.keys()]);
    return (
      this.size === other.size && [...pages].every((page) => samePage(this.#pages.get(page), other.#pages.get(page)))
    );
  }

  /** The same for files that are the same, byte for byte. */
  digest(): string {
    const hash = createHash('sha1').update(`${this.size}`);
    for (const [page, content] of [...this.#pages].sort(([a], [b]) => a - b)) {
      const digest = this.#own.has(page) ? pageDigest(content) : keptDigest(content);
      hash.update(digest === '' ? '' : ` ${page}:${digest}`);
    }
    return hash.digest('base64');
  }

  /** Cuts the file, or grows it with a hole. */
  truncate(size: bigint): void {
    if (size < this.size) {
      const tail = Number(size % BigInt(pageSize));
      const last = Number(size / BigInt(pageSize));
      for (const page of this.#pages.keys()) {
        if (page > last || (page === last && tail === 0)) {
          this.#pages.delete(page);
        }
      }
      if (this.#pages.has(last)) {
        this.#toWrite(last).fill(0, tail);
      }
    }
    this.size = size;
  }

  /** The bytes from host offset `at` on: for reading back in a test, without the promise. */
  slice(at: bigint, length: number): Uint8Array {
    const into = new Uint8Array(length);
    return into.subarray(0, this.#copy(at, into));
  }

  async read(at: bigint, into: Uint8Array): Promise<number> {
    return this.#copy(at, into);
  }

  *extents(from: bigint, to: bigint): Iterable<HostExtent> {
    const end = to < this.size ? to : this.size;
    const pages = [...this.#pages.keys()].sort((a, b) => a - b);
    let at = from;
    for (const page of pages) {
      const start = max(BigInt(page) * BigInt(pageSize), at);
      const stop = min(BigInt(page + 1) * BigInt(pageSize), end);
      if (stop <= start) {
        continue;
      }
      if (start > at) {
        yield { offset: at, length: start - at, data: false };
      }
      yield { offset: start, length: stop - start, data: true };
      at = stop;
    }
    if (at < end) {
      yield { offset: at, length: end - at, data: false };
    }
  }

  async close(): Promise<void> {}

  /** The bytes of a page that may be written. */
  #toWrite(page: number): Uint8Array {
    const content = this.#pages.get(page);
    if (content && this.#own.has(page)) {
      return content;
    }
    const own = content?.slice() ?? new Uint8Array(pageSize);
    this.#pages.set(page, own);
    this.#own.add(page);
    return own;
  }

  #copy(at: bigint, into: Uint8Array): number {
    const length = Number(max(0n, min(BigInt(into.length), this.size - at)));
    eachPage(at, length, (page, inPage, done, part) => {
      const content = this.#pages.get(page);
      if (content) {
        into.set(content.subarray(inPage, inPage + part), done);
      } else {
        into.fill(0, done, done + part);
      }
    });
    return length;
  }
}

/** A page that was never written is zeros. */
function samePage(one: Uint8Array = zeros, other: Uint8Array = zeros): boolean {
  return one === other || Buffer.compare(one, other) === 0;
}

/** Empty for zeros. */
function pageDigest(content: Uint8Array): string {
  return zeros.equals(content) ? '' : createHash('sha1').update(content).digest('base64');
}

function keptDigest(content: Uint8Array): string {
  const digest = pageDigests.get(content) ?? pageDigest(content);
  pageDigests.set(content, digest);
  return digest;
}

/** A storage that counts what is read through it. */
export class CountingStorage implements Storage {
  readonly size: bigint;
  readonly allocated?: bigint;
  readonly extents?: NonNullable<Storage['extents']>;
  /** Bytes returned by `read` so far. */
  bytes = 0;
  /** Calls of `read` so far. */
  calls = 0;
  /** What was asked for, in order: host offset and length in bytes. */
  readonly ranges: { readonly at: bigint; readonly length: number }[] = [];
  readonly #inner: Storage;
  readonly #keepRanges: boolean;

  constructor(inner: Storage, keep: { ranges: boolean } = { ranges: true }) {
    this.#inner = inner;
    this.#keepRanges = keep.ranges;
    this.size = inner.size;
    if (inner.allocated !== undefined) {
      this.allocated = inner.allocated;
    }
    if (inner.extents) {
      this.extents = inner.extents.bind(inner);
    }
  }

  async read(at: bigint, into: Uint8Array): Promise<number> {
    this.calls += 1;
    if (this.#keepRanges) {
      this.ranges.push({ at, length: into.length });
    }
    const count = await this.#inner.read(at, into);
    this.bytes += count;
    return count;
  }

  /** Forgets what was counted so far. */
  reset(): void {
    this.bytes = 0;
    this.calls = 0;
    this.ranges.length = 0;
  }

  /** Whether any byte of the host range was asked for. */
  touched(offset: bigint, length: bigint): boolean {
    return this.ranges.some((range) => range.at < offset + length && range.at + BigInt(range.length) > offset);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

/** A run of 512-byte sectors: the number of the first one, and how many (1 when left out). */
export interface BadSectors {
  readonly sector: number | bigint;
  readonly count?: number;
}

/** A storage on a disk with bad sectors: a read that touches one fails as the system would fail it. */
export class FailingStorage implements Storage {
  readonly size: bigint;
  readonly allocated?: bigint;
  readonly extents?: NonNullable<Storage['extents']>;
  readonly #inner: Storage;
  readonly #bad: readonly BadSectors[];
  readonly #system: string;

  constructor(inner: Storage, bad: readonly BadSectors[], system = 'EIO') {
    this.#inner = inner;
    this.#bad = bad;
    this.#system = system;
    this.size = inner.size;
    if (inner.allocated !== undefined) {
      this.allocated = inner.allocated;
    }
    if (inner.extents) {
      this.extents = inner.extents.bind(inner);
    }
  }

  async read(at: bigint, into: Uint8Array): Promise<number> {
    for (const { sector, count = 1 } of this.#bad) {
      const start = BigInt(sector) * 512n;
      if (start < at + BigInt(into.length) && start + BigInt(count) * 512n > at) {
        const first = max(start, at);
        throw new Qcow2Error('read-failed', `Reading at ${first} failed: ${this.#system}`, {
          at: first,
          system: this.#system,
        });
      }
    }
    return this.#inner.read(at, into);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

/** The same bytes from a system that can't tell data from holes. */
export function withoutExtents(inner: Storage): Storage {
  return {
    size: inner.size,
    read: (at, into) => inner.read(at, into),
    close: () => inner.close(),
  };
}

function eachPage(
  at: bigint,
  length: number,
  visit: (page: number, inPage: number, done: number, length: number) => void,
): void {
  let page = Number(at / BigInt(pageSize));
  let inPage = Number(at % BigInt(pageSize));
  for (let done = 0; done < length; page += 1, inPage = 0) {
    const part = Math.min(pageSize - inPage, length - done);
    visit(page, inPage, done, part);
    done += part;
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
