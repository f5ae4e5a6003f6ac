/** Rows of numbers in a few bytes a number, so that there may be millions of them. */
export class NumberRows {
  readonly #width: number;
  #numbers: Float64Array;
  /** How many rows there are. */
  length = 0;

  /** Rows of `width` numbers each. */
  constructor(width: number) {
    this.#width = width;
    this.#numbers = new Float64Array(width * 64);
  }

  /** Adds a row. */
  push(row: readonly number[]): void {
    const at = this.length * this.#width;
    if (at === this.#numbers.length) {
      const more = new Float64Array(at * 2);
      more.set(this.#numbers);
      this.#numbers = more;
    }
    this.#numbers.set(row, at);
    this.length++;
  }

  /** A row; valid until one is added. */
  row(index: number): Float64Array {
    return this.#numbers.subarray(index * this.#width, (index + 1) * this.#width);
  }
}

/** The two words of a number or bigint from 0 to below 2^64: a row has numbers only. */
export function wordsOf(value: number | bigint): [hi: number, lo: number] {
  return typeof value === 'number'
    ? [Math.floor(value / 0x1_0000_0000), value % 0x1_0000_0000]
    : [Number(value >> 32n), Number(value & 0xffff_ffffn)];
}

/** The value of two words. */
export function joined(hi = 0, lo = 0): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo);
}
