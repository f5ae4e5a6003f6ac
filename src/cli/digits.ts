/** Groups of four decimal digits as ASCII: those of `n` at byte 4n. */
const groups = Buffer.from(
  Array.from({ length: 10_000 }, (_, value) => String(value).padStart(4, '0')).join(''),
  'latin1',
);
const zero = 0x30;

/**
 * Writes a whole number in decimal at a place of a buffer with room for 20 bytes; returns the place after it. Exact for
 * every sum that is: above 2^53 the two parts are added as bigints.
 */
export function writeDecimal(into: Uint8Array, at: number, value: number, more = 0): number {
  const sum = value + more;
  if (sum <= Number.MAX_SAFE_INTEGER) {
    if (sum < 1e8) {
      return writeSmall(into, at, sum);
    }
    const high = Math.floor(sum / 1e8);
    return writeEight(into, writeSmall(into, at, high), sum - high * 1e8);
  }
  const text = String(BigInt(value) + BigInt(more));
  for (let index = 0; index < text.length; index++) {
    into[at + index] = text.charCodeAt(index);
  }
  return at + text.length;
}

/** A number below 10^8 without leading zeros. */
function writeSmall(into: Uint8Array, at: number, value: number): number {
  let length = 1;
  for (let limit = 10; value >= limit; limit *= 10) {
    length++;
  }
  let rest = value;
  for (let place = at + length - 1; place >= at; place--) {
    const tenth = (rest / 10) | 0;
    into[place] = zero + rest - tenth * 10;
    rest = tenth;
  }
  return at + length;
}

/** A number below 10^8 with leading zeros. */
function writeEight(into: Uint8Array, at: number, value: number): number {
  const high = (value / 10_000) | 0;
  writeGroup(into, at, high);
  writeGroup(into, at + 4, value - high * 10_000);
  return at + 8;
}

function writeGroup(into: Uint8Array, at: number, value: number): void {
  const from = value * 4;
  into[at] = groups[from] ?? 0;
  into[at + 1] = groups[from + 1] ?? 0;
  into[at + 2] = groups[from + 2] ?? 0;
  into[at + 3] = groups[from + 3] ?? 0;
}
