/**
 * A 64-bit checksum of `length` bytes from `from` on, as two 32-bit words: tells what a change wrote from what anybody
 * else did. Not meant against forgery. `length` is a multiple of 4; bytes past the end of the array count as zeros.
 */
export function checksum(bytes: Uint8Array, from = 0, length: number = bytes.length): { hi: number; lo: number } {
  let hi = 0x9e37_79b9;
  let lo = 0x85eb_ca6b;
  const end = from + length;
  for (let at = from; at < end; at += 4) {
    const word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    hi = Math.imul(hi ^ word, 0x01b3_4f0b);
    hi ^= hi >>> 15;
    lo = Math.imul(lo + word, 0x27d4_eb2f);
    lo = (lo << 13) | (lo >>> 19);
  }
  // So that zeros of different lengths differ, and every bit of the input reaches every bit of the result.
  return { hi: mixed(hi ^ length), lo: mixed(lo + hi) };
}

function mixed(word: number): number {
  let value = word ^ (word >>> 16);
  value = Math.imul(value, 0x85eb_ca6b);
  value ^= value >>> 13;
  value = Math.imul(value, 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
