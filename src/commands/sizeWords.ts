/** A size as it may be typed: `10G`, or in bytes where it is no whole number of a unit. */
export function sizeWords(bytes: bigint): string {
  for (const [index, unit] of ['T', 'G', 'M', 'K'].entries()) {
    const one = 1n << BigInt(40 - 10 * index);
    if (bytes >= one && bytes % one === 0n) {
      return `${bytes / one}${unit}`;
    }
  }
  return String(bytes);
}
