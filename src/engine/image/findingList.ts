import type { Finding, FindingCode } from '../finding.ts';

/** Findings kept whole; of those beyond, only the number is kept, so that no image can fill the memory with them. */
const kept = 10_000;

/** Takes findings. */
export interface FindingSink {
  /** Counts some that are not worth to be listed. */
  addUnlisted(code: FindingCode, count: number): void;
  /** Adds some. */
  add(...found: readonly Finding[]): void;
}

/** Findings as they are found, in order. */
export class FindingList implements FindingSink {
  /** The first ones. */
  readonly findings: Finding[] = [];
  /** How many of each code are not listed. */
  readonly unlisted = new Map<FindingCode, number>();
  /** How many there are of each code. */
  readonly counts = new Map<FindingCode, number>();
  #count = 0;

  /** How many there are in all. */
  get count(): number {
    return this.#count;
  }

  /** Counts some that are not worth to be listed. */
  addUnlisted(code: FindingCode, count: number): void {
    this.#count += count;
    this.unlisted.set(code, (this.unlisted.get(code) ?? 0) + count);
    this.counts.set(code, (this.counts.get(code) ?? 0) + count);
  }

  /** Adds some. */
  add(...found: readonly Finding[]): void {
    for (const one of found) {
      this.#count++;
      this.counts.set(one.code, (this.counts.get(one.code) ?? 0) + 1);
      if (this.findings.length < kept) {
        this.findings.push(one);
      } else {
        this.unlisted.set(one.code, (this.unlisted.get(one.code) ?? 0) + 1);
      }
    }
  }
}
