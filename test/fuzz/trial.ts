import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Storage } from '../../src/engine/ports.ts';
import { CountingStorage } from '../support/memoryStorage.ts';
import { inspect } from './inspect.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const MiB = 1 << 20;

/** Bytes that may be held beyond what this thread holds before its first image. */
export const memoryBound = 100 * MiB;

/** Bytes that are read between two looks at the memory. */
const checkEvery = 2 ** 16;

let heldBefore: number | undefined;

/** What is wrong with how `act` treats an image; undefined if nothing is. `bound`: bytes that it may hold. */
export async function problemOf(storage: Storage, act = inspect, bound = memoryBound): Promise<string | undefined> {
  const allowed = 4 * Number(storage.allocated ?? storage.size) + 64 * MiB;
  heldBefore ??= heldWithoutGarbage(0);
  const metered = new MeteredStorage(storage, allowed, heldBefore, bound);
  try {
    await act(metered);
    metered.checkMemory();
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`;
  }
}

/** Collections after which what is held is no garbage. */
const mostRounds = 10;
/** Nobody wakes it: to wait for a time. */
const pause = new Int32Array(new SharedArrayBuffer(4));

/** A storage that throws when more is read or held than allowed. */
class MeteredStorage extends CountingStorage {
  readonly #allowed: number;
  readonly #heldBefore: number;
  readonly #bound: number;
  #readSinceCheck = 0;

  constructor(inner: Storage, allowed: number, heldBefore: number, bound: number) {
    super(inner, { ranges: false });
    this.#allowed = allowed;
    this.#heldBefore = heldBefore;
    this.#bound = bound;
  }

  override async read(at: bigint, into: Uint8Array): Promise<number> {
    if (this.bytes + into.length > this.#allowed) {
      throw new Error(`${this.bytes + into.length} bytes read, ${this.#allowed} allowed`);
    }
    // To ask for the memory takes longer than most reads.
    this.#readSinceCheck += into.length;
    if (this.#readSinceCheck >= checkEvery) {
      this.#readSinceCheck = 0;
      this.checkMemory();
    }
    return super.read(at, into);
  }

  /** Garbage does not count. */
  checkMemory(): void {
    const beyond = heldWithoutGarbage(this.#heldBefore + this.#bound) - this.#heldBefore;
    if (beyond > this.#bound) {
      throw new Error(`${Math.round(beyond / MiB)} MiB held, ${this.#bound / MiB} allowed`);
    }
  }
}

/** Bytes that this thread holds; garbage is collected only while they are more than `enough`. */
function heldWithoutGarbage(enough: number): number {
  // Buffers found by a collection are given back by a thread beside it, which may have to wait on a busy machine.
  for (let round = 0; round < mostRounds && held() > enough; round++) {
    collectGarbage();
    Atomics.wait(pause, 0, 0, round * 10);
  }
  return held();
}

/** Bytes of objects and buffers of this thread. */
function held(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
