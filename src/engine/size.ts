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
