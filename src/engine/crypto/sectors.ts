import type { CipherMode, IvGenerator } from '../format/luksAlgorithms.ts';
import type { Ciphers, HashAlg } from '../ports.ts';
import { encryptXts } from './xts.ts';

/** How sectors are encrypted: AES in a mode, with an initialisation vector for each sector. */
export interface SectorCipher {
  readonly cipherMode: CipherMode;
  readonly ivgenAlg: IvGenerator;
  /** For ESSIV. */
  readonly ivgenHashAlg?: HashAlg;
}

const sectorBytes = 512;
const ivBytes = 16;

/**
 * Encrypts sectors of 512 bytes, the first one as sector 0 (qcrypto_block_cipher_encrypt_helper).
 *
 * @param key - of AES; for XTS two of them, one after the other
 * @param data - whole sectors
 */
export function encryptSectors(
  ciphers: Ciphers,
  { cipherMode, ivgenAlg, ivgenHashAlg = 'sha256' }: SectorCipher,
  key: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  if (cipherMode === 'ecb') {
    return ciphers.encryptAes('ecb', key, undefined, data);
  }
  const numbers = sectorNumbers(data.length / sectorBytes);
  const ivs = ivgenAlg === 'essiv' ? encryptNumbers(ciphers, ivgenHashAlg, key, numbers) : numbers;
  if (cipherMode === 'xts') {
    return encryptXts(ciphers, key, ivs, data);
  }
  const encrypted = new Uint8Array(data.length);
  for (let at = 0, iv = 0; at < data.length; at += sectorBytes, iv += ivBytes) {
    const sector = data.subarray(at, at + sectorBytes);
    encrypted.set(ciphers.encryptAes(cipherMode, key, ivs.subarray(iv, iv + ivBytes), sector), at);
  }
  return encrypted;
}

/**
 * The number of each sector as an initialisation vector, the lowest byte first. Below 2^32 `plain`, which cuts it to 32
 * bits, is the same as `plain64`.
 */
function sectorNumbers(count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(count * ivBytes));
  for (let sector = 0; sector < count; sector++) {
    view.setUint32(sector * ivBytes, sector, true);
  }
  return new Uint8Array(view.buffer);
}

/** ESSIV: the number, encrypted by the hash of the key (qcrypto_ivgen_essiv_calculate). */
function encryptNumbers(ciphers: Ciphers, hash: HashAlg, key: Uint8Array, numbers: Uint8Array): Uint8Array {
  const salt = ciphers.digest(hash, key);
  const ivs = ciphers.encryptAes('ecb', salt, undefined, numbers);
  salt.fill(0);
  return ivs;
}
