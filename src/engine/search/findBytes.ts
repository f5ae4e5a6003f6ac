import type { ByteRun, ByteSource, Stretch } from '../image/byteRuns.ts';
import { natureOf } from '../image/byteRuns.ts';
import type { Progress } from '../ports.ts';
import { firstIn, lastIn } from './needle.ts';
import { stretchesDown, stretchesUp } from './stretches.ts';

/** Most bytes that can be looked for. */
export const mostNeedleBytes = 256;

/** Bytes that are read at once. */
const windowBytes = 2 ** 18;

/** What is looked for, and where. */
export interface BytesWanted {
  /** 1 to `mostNeedleBytes` bytes. */
  readonly needle: Uint8Array;
  /** `next`: the first one that starts at or after it. `previous`: the last one that starts before it. */
  readonly from: bigint;
  readonly direction: 'next' | 'previous';
}

/** Where it was found. */
export interface BytesFound {
  /** Offset of its first byte; undefined where there is none. */
  readonly at?: bigint;
  /** The end was reached, and it was looked for from the other end on. */
  readonly wrapped: boolean;
  /** Bytes of the parts gone through that are not known: not opened, not readable. */
  readonly unknown: bigint;
}

/**
 * Looks for bytes from a place on, past the end from the other end on, and back to the place. Bytes that read as zeros
 * without being stored are passed over, but where the needle starts or ends in them; bytes that are not known never
 * match.
 */
export async function findBytes(source: ByteSource, wanted: BytesWanted, progress: Progress): Promise<BytesFound> {
  const { needle, direction } = wanted;
  const from = wanted.from < source.size ? wanted.from : source.size;
  const search = new Search(source, needle, progress);
  const look = direction === 'next' ? search.forward.bind(search) : search.backward.bind(search);
  const parts =
    direction === 'next' ? [range(from, source.size), range(0n, from)] : [range(0n, from), range(from, source.size)];
  for (const [index, part] of parts.entries()) {
    const at = await look(part.from, part.to);
    if (at !== undefined) {
      return { at, wrapped: index > 0, unknown: search.unknown };
    }
  }
  return { wrapped: true, unknown: search.unknown };
}

function range(from: bigint, to: bigint): { from: bigint; to: bigint } {
  return { from, to };
}

/** One search. A range is always one of starts: the needle may reach past its end. */
class Search {
  /** Bytes gone through that are not known. */
  unknown = 0n;
  readonly #source: ByteSource;
  readonly #needle: Uint8Array;
  /** Reports how far the search is, whatever the walks in it report. */
  readonly #walking: Progress;
  /** How far the needle can reach into what comes after its first byte. */
  readonly #reach: bigint;
  readonly #onlyZeros: boolean;
  readonly #buffer = new Uint8Array(windowBytes + mostNeedleBytes);
  #done = 0n;

  constructor(source: ByteSource, needle: Uint8Array, progress: Progress) {
    this.#source = source;
    this.#needle = needle;
    this.#walking = { step: () => progress.step(this.#share(), shares) };
    this.#reach = BigInt(needle.length - 1);
    this.#onlyZeros = needle.every((byte) => byte === 0);
  }

  /** The first one that starts in a range. */
  async forward(from: bigint, to: bigint): Promise<bigint | undefined> {
    let looked = from;
    for await (const stretch of stretchesUp(this.#source, from, this.#endOf(from, to), this.#walking)) {
      const starts = this.#startsOf(stretch, looked, to);
      const found = starts && (await this.#scanForward(starts.from, starts.to));
      if (found !== undefined) {
        return found;
      }
      looked = starts?.to ?? looked;
      await this.#passed(stretch);
    }
    return undefined;
  }

  /** The last one that starts in a range. */
  async backward(from: bigint, to: bigint): Promise<bigint | undefined> {
    let looked = to;
    for await (const stretch of stretchesDown(this.#source, from, this.#endOf(from, to), this.#walking)) {
      const starts = this.#startsOf(stretch, from, looked);
      const found = starts && (await this.#scanBackward(starts.from, starts.to));
      if (found !== undefined) {
        return found;
      }
      looked = starts?.from ?? looked;
      await this.#passed(stretch);
    }
    return undefined;
  }

  /** Where a needle that starts before `to` ends at the latest. */
  #endOf(from: bigint, to: bigint): bigint {
    const end = from < to ? to + this.#reach : to;
    return end < this.#source.size ? end : this.#source.size;
  }

  /** Where a needle can start that has a byte in a stretch: undefined where none can. */
  #startsOf({ from, to, nature }: Stretch, first: bigint, end: bigint): { from: bigint; to: bigint } | undefined {
    if (nature === 'unknown' || (nature === 'zeros' && !this.#onlyZeros)) {
      return undefined;
    }
    const reaching = from - this.#reach;
    const start = reaching > first ? reaching : first;
    const stop = to < end ? to : end;
    return start < stop ? { from: start, to: stop } : undefined;
  }

  async #scanForward(from: bigint, to: bigint): Promise<bigint | undefined> {
    for (let at = from; at < to; at += BigInt(windowBytes)) {
      const found = await this.#inWindow(at, to, firstIn);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }

  async #scanBackward(from: bigint, to: bigint): Promise<bigint | undefined> {
    for (let end = to; end > from; end -= BigInt(windowBytes)) {
      const start = end - BigInt(windowBytes);
      const found = await this.#inWindow(start > from ? start : from, end, lastIn);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }

  /** Looks among the starts of one window. */
  async #inWindow(at: bigint, to: bigint, look: typeof firstIn): Promise<bigint | undefined> {
    const starts = to - at < BigInt(windowBytes) ? Number(to - at) : windowBytes;
    const left = this.#source.size - at;
    const wanted = starts + this.#needle.length - 1;
    const bytes = this.#buffer.subarray(0, left < BigInt(wanted) ? Number(left) : wanted);
    const runs = await this.#source.read(at, bytes);
    this.unknown += unknownBytes(runs, starts);
    const parts = knownParts(runs);
    for (const part of look === firstIn ? parts : parts.reverse()) {
      const found = look(bytes.subarray(part.from, part.to), this.#needle);
      if (found >= 0) {
        return at + BigInt(part.from + found);
      }
    }
    await this.#walking.step(0, 0);
    return undefined;
  }

  async #passed({ from, to, nature }: Stretch): Promise<void> {
    this.#done += to - from;
    this.unknown += nature === 'unknown' ? to - from : 0n;
    await this.#walking.step(0, 0);
  }

  #share(): number {
    const { size } = this.#source;
    return size === 0n ? shares : Math.min(shares, Number((this.#done * BigInt(shares)) / size));
  }
}

/** Progress is told in as many parts. */
const shares = 1_000_000;

/** Bytes before a place of a window that are not known, though tables say that they are stored. */
function unknownBytes(runs: readonly ByteRun[], end: number): bigint {
  return runs.reduce(
    (sum, { from, to, kind }) =>
      natureOf(kind) === 'unknown' && from < end ? sum + BigInt(Math.min(to, end) - from) : sum,
    0n,
  );
}

/** The parts of a window whose bytes are known. */
function knownParts(runs: readonly ByteRun[]): { from: number; to: number }[] {
  const parts: { from: number; to: number }[] = [];
  for (const { from, to, kind } of runs) {
    const last = parts.at(-1);
    if (natureOf(kind) === 'unknown') {
      continue;
    }
    if (last?.to === from) {
      last.to = to;
    } else {
      parts.push({ from, to });
    }
  }
  return parts;
}
