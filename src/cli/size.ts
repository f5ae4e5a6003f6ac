const unitLetters = 'BKMGTPE';
const maxUint64 = (1n << 64n) - 1n;

/** A size as read: `value` in bytes, below 2^64, and whether a unit followed a hexadecimal number (QEMU warns then). */
export interface ParsedSize {
  readonly value: bigint;
  readonly hexUnit: boolean;
}

/**
 * Reads a size as QEMU does (qemu_strtosz): decimal with an optional fraction, or hexadecimal, then an optional unit
 * of powers of 1024. A fraction needs a unit.
 */
export function parseSize(text: string): ParsedSize | 'invalid' | 'out-of-range' {
  const hex = /^[ \t\n\v\f\r]*\+?0[xX]([0-9a-fA-F]+)(.?)$/s.exec(text);
  if (hex !== null) {
    const unit = unitOf(hex[2] ?? '');
    if (unit === undefined) return 'invalid';
    return inRange(BigInt(`0x${hex[1]}`), unit, 0n, hex[2] !== '');
  }
  const decimal = /^[ \t\n\v\f\r]*\+?([0-9]+)(?:\.([0-9]*))?(.?)$/s.exec(text);
  if (decimal === null) return 'invalid';
  const unit = unitOf(decimal[3] ?? '');
  if (unit === undefined) return 'invalid';
  // QEMU reads the fraction as a double and then has 64 bits of it.
  const fraction = BigInt(Math.floor(Number(`0.${decimal[2] || '0'}`) * 2 ** 64));
  if (unit === 1n && fraction !== 0n) return 'invalid';
  const whole = BigInt(decimal[1] ?? '0');
  if (whole > maxUint64) return decimal[2] === undefined && decimal[3] === '' ? 'out-of-range' : 'invalid';
  return inRange(whole, unit, fraction, false);
}

function unitOf(letter: string): bigint | undefined {
  if (letter === '') return 1n;
  const power = unitLetters.indexOf(letter.toUpperCase());
  return power < 0 ? undefined : 1024n ** BigInt(power);
}

function inRange(whole: bigint, unit: bigint, fraction: bigint, hexUnit: boolean): ParsedSize | 'out-of-range' {
  const half = 1n << 63n;
  const value = whole * unit + ((fraction * unit + half) >> 64n);
  return value > maxUint64 ? 'out-of-range' : { value, hexUnit };
}

const double = new DataView(new ArrayBuffer(8));

/**
 * A size in bytes for a person, as QEMU writes it (size_to_str): three digits and a unit, the next larger one from
 * 1000 on, `196 KiB`, `0.977 MiB`.
 */
export function showSize(bytes: bigint): string {
  // frexp()'s exponent, less one, of the size scaled so that 1000 of a unit reach the next power of 1024.
  double.setFloat64(0, Number(bytes) / (1000 / 1024));
  const exponent = bytes === 0n ? 0 : ((double.getUint32(0) >>> 20) & 0x7ff) - 1023;
  const power = Math.floor(exponent / 10);
  const unit = 1n << BigInt(10 * power);
  return `${showThreeDigits(BigInt(Number(bytes)), unit)} ${power === 0 ? '' : `${'KMGTPE'[power - 1]}i`}B`;
}

/**
 * C's `%0.3g` of `bytes` / `unit`, for 0 and for 0.9 to 1000: a value in the middle goes to the even digit (JavaScript's
 * toPrecision takes the larger one).
 */
function showThreeDigits(bytes: bigint, unit: bigint): string {
  const decimals = bytes < unit ? 3 : bytes < 10n * unit ? 2 : bytes < 100n * unit ? 1 : 0;
  const scaled = bytes * 10n ** BigInt(decimals);
  const below = scaled / unit;
  const rest = 2n * (scaled % unit);
  const rounded = rest > unit || (rest === unit && below % 2n === 1n) ? below + 1n : below;
  return decimals === 0 && rounded === 1000n ? '1e+03' : String(Number(rounded) / 10 ** decimals);
}
