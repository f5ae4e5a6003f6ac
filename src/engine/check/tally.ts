import { messages } from './messages.ts';

/** Where a check's messages go, each a line without its end, a byte string (names are as in the image). `named`: the name of the program stands before it. */
export type Say = (message: string, named?: boolean) => void;

/** Called for each cluster that is referred to more often than a refcount can count, as often as QEMU tells of it. */
export type OverflowVisitor = (cluster: number) => void;

/** What a check has counted. */
export class Tally {
  /** Internal errors: what could not be checked. */
  checkErrors = 0;
  corruptions = 0;
  leaks = 0;
  readonly #say: Say;
  readonly #overflow: OverflowVisitor | undefined;
  #saidOnce = false;

  constructor(say: Say, overflow?: OverflowVisitor) {
    this.#say = say;
    this.#overflow = overflow;
  }

  /** Something is wrong. */
  corrupt(message: string): void {
    this.corruptions++;
    this.#say(message);
  }

  /** A reference to a cluster can't be counted any more. `clusterSize` in bytes. */
  overflow(cluster: number, clusterSize: number): void {
    this.corrupt(messages.overflow(BigInt(cluster) * BigInt(clusterSize)));
    this.#overflow?.(cluster);
  }

  /** Clusters are counted as used, and nothing uses them. */
  leak(message: string): void {
    this.leaks++;
    this.#say(message);
  }

  /** Something could not be checked. `named`: see `Say`. */
  fail(message: string, named = false): void {
    this.checkErrors++;
    this.#say(message, named);
  }

  /** Tells what QEMU's driver itself says, of which it tells only the first thing. */
  sayOnce(message: string): void {
    if (!this.#saidOnce) {
      this.#saidOnce = true;
      this.#say(message);
    }
  }
}
