/** How numbers and bytes are written for a person: the same in the editor and on the command line. */

/** A narrow no-break space: digits stay together, and are read as one number. */
const groupSpace = '\u202f';

/** A count in groups of three digits: `1 099 511 627 776`. Exact. */
export function showCount(value: number | bigint): string {
  return group(String(value), 3, groupSpace);
}

/** How `showOffset` writes: the user's choice, for all that is shown by this thread. */
let notation: 'hexadecimal' | 'decimal' = 'hexadecimal';

/** From now on `showOffset` writes so. Returns whether that is another notation than before. */
export function useNotation(wanted: typeof notation): boolean {
  const other = wanted !== notation;
  notation = wanted;
  return other;
}

/** An offset in hex, in groups of four digits: `0x3_0000`; by the user's choice in decimal: `196 608`. */
export function showOffset(value: number | bigint): string {
  return notation === 'decimal' ? showCount(value) : `0x${group(value.toString(16), 4, '_')}`;
}

/** Bytes in hex: `51 46 49 fb`. */
export function showHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A number of bytes in the largest binary unit of which it has one: `64 KiB`, `1.5 TiB`, `412.6 GiB`, `1 byte`. */
export function showSize(value: number | bigint): string {
  const bytes = BigInt(value);
  const unit = Math.max(0, Math.min(units.length - 1, Math.floor((bytes.toString(2).length - 1) / 10)));
  if (unit === 0) {
    return bytes === 1n ? '1 byte' : `${bytes} bytes`;
  }
  const tenths = (bytes * 20n + (1n << BigInt(10 * unit))) / (2n << BigInt(10 * unit));
  if (tenths >= 10240n && unit < units.length - 1) {
    return `1 ${units[unit + 1]}`;
  }
  return `${tenths / 10n}${tenths % 10n === 0n ? '' : `.${tenths % 10n}`} ${units[unit]}`;
}

/**
 * A number of bytes as `showSize` writes it where that is exact, else in the largest unit in which a tenth is: `1 088 MiB`
 * for a disk of which `1.1 GiB` would be said.
 */
export function showExactSize(value: number | bigint): string {
  const bytes = BigInt(value);
  const rounded = Math.max(0, Math.floor((bytes.toString(2).length - 1) / 10));
  const isExact = (unit: number): boolean => (bytes * 10n) % (1n << BigInt(10 * unit)) === 0n;
  const unit = Math.min(units.length - 1, rounded);
  if (isExact(unit)) {
    return showSize(bytes);
  }
  let smaller = unit - 1;
  while (!isExact(smaller)) {
    smaller--;
  }
  const tenths = (bytes * 10n) >> BigInt(10 * smaller);
  return `${showCount(tenths / 10n)}${tenths % 10n === 0n ? '' : `.${tenths % 10n}`} ${units[smaller]}`;
}

function group(digits: string, size: number, separator: string): string {
  const sign = digits.startsWith('-') ? '-' : '';
  const rest = digits.slice(sign.length);
  const first = rest.length % size || size;
  const groups = [rest.slice(0, first)];
  for (let at = first; at < rest.length; at += size) {
    groups.push(rest.slice(at, at + size));
  }
  return sign + groups.join(separator);
}
