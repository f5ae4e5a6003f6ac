import { digestBytes } from '../format/luksAlgorithms.ts';
import type { Ciphers, HashAlg } from '../ports.ts';

/**
 * Makes a key so long that it can't be got back once any part of it has been overwritten (LUKS on-disk format 1.2.1,
 * "Anti-forensic splitter"; qcrypto_afsplit_encode): random stripes, and a last one that gives the key with all others.
 *
 * @returns `stripes` times the length of the key; as secret as the key
 */
export function splitKey(ciphers: Ciphers, hash: HashAlg, key: Uint8Array, stripes: number): Uint8Array {
  const size = key.length;
  const split = new Uint8Array(size * stripes);
  split.set(ciphers.random(size * (stripes - 1)));
  const block = new Uint8Array(size);
  for (let stripe = 0; stripe < stripes - 1; stripe++) {
    xorInto(block, split.subarray(stripe * size));
    diffuse(ciphers, hash, block);
  }
  xorInto(block, key);
  split.set(block, size * (stripes - 1));
  block.fill(0);
  return split;
}

/** Replaces each piece as long as the hash's result, and what is left, by the hash of its number and itself. */
function diffuse(ciphers: Ciphers, hash: HashAlg, block: Uint8Array): void {
  const pieceBytes = digestBytes[hash];
  for (let at = 0; at < block.length; at += pieceBytes) {
    const piece = block.subarray(at, at + pieceBytes);
    const numbered = new Uint8Array(4 + piece.length);
    new DataView(numbered.buffer).setUint32(0, at / pieceBytes);
    numbered.set(piece, 4);
    piece.set(ciphers.digest(hash, numbered).subarray(0, piece.length));
    numbered.fill(0);
  }
}

function xorInto(target: Uint8Array, other: Uint8Array): void {
  for (let at = 0; at < target.length; at++) {
    target[at] = (target[at] ?? 0) ^ (other[at] ?? 0);
  }
}
