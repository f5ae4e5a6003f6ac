import type { Ciphers } from '../ports.ts';

const blockBytes = 16;

/**
 * AES in XTS mode (IEEE 1619), for units of whole blocks. It is made of ECB and the tweaks, because not every Node has
 * it: the BoringSSL of VS Code's does not offer XTS, and OpenSSL has no XTS of 192 bits, which QEMU has. All blocks go
 * through the cipher at once, so it takes little longer than the cipher itself.
 *
 * @param key - the two keys, one after the other
 * @param ivs - 16 bytes for each unit, all units being of the same length
 */
export function encryptXts(ciphers: Ciphers, key: Uint8Array, ivs: Uint8Array, data: Uint8Array): Uint8Array {
  const half = key.length / 2;
  const tweaks = tweaksOf(ciphers.encryptAes('ecb', key.subarray(half), undefined, ivs), data.length);
  const masked = xor(data, tweaks);
  const encrypted = xor(ciphers.encryptAes('ecb', key.subarray(0, half), undefined, masked), tweaks);
  masked.fill(0);
  return encrypted;
}

/** A tweak for each block: in a unit each is the one before times x, in the field of 2^128 elements. */
function tweaksOf(first: Uint8Array, length: number): Uint8Array {
  const tweaks = new Uint8Array(length);
  const unitBytes = (length / first.length) * blockBytes;
  for (let at = 0; at < length; at += blockBytes) {
    if (at % unitBytes === 0) {
      const unit = (at / unitBytes) * blockBytes;
      tweaks.set(first.subarray(unit, unit + blockBytes), at);
    } else {
      double(tweaks, at);
    }
  }
  return tweaks;
}

/** Sets the tweak at `at` to the one before it, shifted left by a bit; the lowest byte comes first. */
function double(tweaks: Uint8Array, at: number): void {
  let carry = 0;
  for (let byte = at; byte < at + blockBytes; byte++) {
    const before = tweaks[byte - blockBytes] ?? 0;
    tweaks[byte] = ((before << 1) & 0xff) | carry;
    carry = before >> 7;
  }
  tweaks[at] = (tweaks[at] ?? 0) ^ (carry === 1 ? 0x87 : 0);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0));
}
