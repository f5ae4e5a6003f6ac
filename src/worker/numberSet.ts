/** Numbers below a bound, a bit each, so that a choice of millions takes little memory; they are found by their place, too. */
export class NumberSet {
  readonly count: number;
  readonly #bits: Uint32Array;
  /** How many there are before each word of the bits. */
  readonly #before: Uint32Array;

  /** Those whose bit is set: bit `n % 32` of word `n / 32`. The array must not be changed any more. */
  constructor(bits: Uint32Array) {
    this.#bits = bits;
    this.#before = new Uint32Array(bits.length);
    let count = 0;
    for (let word = 0; word < bits.length; word++) {
      this.#before[word] = count;
      count += ones(bits[word] ?? 0);
    }
    this.count = count;
  }

  /** All numbers below `end`. */
  static below(end: number): NumberSet {
    const bits = bitsFor(end).fill(0xffff_ffff);
    if (end % 32 > 0) {
      bits[bits.length - 1] = 2 ** (end % 32) - 1;
    }
    return new NumberSet(bits);
  }

  /** Whether a number is among them. */
  has(number: number): boolean {
    return isSet(this.#bits[Math.floor(number / 32)] ?? 0, number % 32);
  }

  /** How many of them are smaller than `number`, which is below the bound: its place, where it is among them. */
  before(number: number): number {
    const word = Math.floor(number / 32);
    return (this.#before[word] ?? this.count) + ones((this.#bits[word] ?? 0) & (2 ** (number % 32) - 1));
  }

  /** The number at a place, from 0 to below `count`. */
  at(place: number): number {
    const word = this.#wordOf(place);
    let left = place - (this.#before[word] ?? 0);
    let bit = 0;
    while (!isSet(this.#bits[word] ?? 0, bit) || left-- > 0) {
      bit++;
    }
    return word * 32 + bit;
  }

  /** The last word before which there are no more than `place`: it has the one at that place. */
  #wordOf(place: number): number {
    let low = 0;
    let high = this.#before.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#before[middle] ?? 0) <= place) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}

/** Room for the bits of all numbers below `end`; none is set. */
export function bitsFor(end: number): Uint32Array {
  return new Uint32Array(Math.ceil(end / 32));
}

/** Sets the bit of a number. */
export function setBit(bits: Uint32Array, number: number): void {
  const word = Math.floor(number / 32);
  bits[word] = (bits[word] ?? 0) | (1 << (number % 32));
}

function isSet(word: number, bit: number): boolean {
  return ((word >>> bit) & 1) === 1;
}

/** How many bits of a word are set. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
