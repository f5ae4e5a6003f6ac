import { splitKey } from '../crypto/antiForensic.ts';
import { iterationsFor, iterationsPerSecond } from '../crypto/iterations.ts';
import { encryptSectors } from '../crypto/sectors.ts';
import {
  encodeLuks,
  type LuksSlot,
  luksHeaderSectors,
  luksKeyMaterialSectors,
  luksMagic,
  luksSaltBytes,
  luksSectorBytes,
  luksSlotDisabled,
  luksSlotEnabled,
  luksSlotOffset,
  luksSlots,
  luksStripes,
} from '../format/luks.ts';
import type { Ciphers } from '../ports.ts';
import { cipherModeText, type LuksSettings, luksAreaBytes } from './luksSettings.ts';

/** Bytes of the digest of the master key. */
const digestLength = 20;

/** QEMU gives the master key an eighth of the iterations, as cryptsetup does. */
const masterKeyDivisor = 8n;

/** Where the key material of the first slot starts: byte from the start of the LUKS header. */
const materialOffset = luksHeaderSectors * luksSectorBytes;

/** A key slot's secrets are in its salt, its iterations and the key material. */
interface NewSlot {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Encrypted. */
  readonly material: Uint8Array;
}

/**
 * The LUKS area of a new image: header, and a new master key in slot 0 that the pass phrase opens
 * (qcrypto_block_luks_create). Takes as long as `iterTime` says, and for the measuring. The keys are gone from memory when it
 * returns.
 *
 * @param passphrase - UTF-8; not kept
 * @throws `Qcow2Error` `bad-argument` for an `iterTime` that is too large
 */
export function newLuks(settings: LuksSettings, passphrase: Uint8Array, ciphers: Ciphers): Uint8Array {
  const masterKey = ciphers.random(settings.keyBytes);
  try {
    const salt = ciphers.random(luksSaltBytes);
    const { hashAlg, iterTime } = settings;
    const perSecond = iterationsPerSecond(ciphers, hashAlg, masterKey, salt, digestLength);
    const iterations = iterationsFor(perSecond, iterTime, masterKeyDivisor);
    const digest = ciphers.pbkdf2(hashAlg, masterKey, salt, iterations, digestLength);
    const slot = newSlot(settings, passphrase, masterKey, ciphers);
    const area = new Uint8Array(luksAreaBytes(settings));
    area.set(encodeHeader(settings, { salt, iterations, digest }, slot, uuid(ciphers)));
    area.set(slot.material, materialOffset);
    return area;
  } finally {
    masterKey.fill(0);
  }
}

/** The master key as the pass phrase opens it (qcrypto_block_luks_store_key). */
function newSlot(settings: LuksSettings, passphrase: Uint8Array, masterKey: Uint8Array, ciphers: Ciphers): NewSlot {
  const { hashAlg, keyBytes, iterTime } = settings;
  const salt = ciphers.random(luksSaltBytes);
  const perSecond = iterationsPerSecond(ciphers, hashAlg, passphrase, salt, keyBytes);
  const iterations = iterationsFor(perSecond, iterTime, 1n);
  const key = ciphers.pbkdf2(hashAlg, passphrase, salt, iterations, keyBytes);
  const split = splitKey(ciphers, hashAlg, masterKey, luksStripes);
  const material = encryptSectors(ciphers, settings, key, split);
  key.fill(0);
  split.fill(0);
  return { salt, iterations, material };
}

interface MasterKeyDigest {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly digest: Uint8Array;
}

function encodeHeader(settings: LuksSettings, master: MasterKeyDigest, first: NewSlot, volume: string): Uint8Array {
  return encodeLuks({
    fields: {
      version: 1,
      payload_offset: luksAreaBytes(settings) / luksSectorBytes,
      key_bytes: settings.keyBytes,
      mk_digest_iter: master.iterations,
    },
    bytes: {
      magic: Uint8Array.from(luksMagic),
      cipher_name: ascii(settings.cipherName),
      cipher_mode: ascii(cipherModeText(settings)),
      hash_spec: ascii(settings.hashAlg),
      mk_digest: master.digest,
      mk_digest_salt: master.salt,
      uuid: ascii(volume),
    },
    slots: Array.from({ length: luksSlots }, (_, index) => slotOf(settings, index, index === 0 ? first : undefined)),
  });
}

function slotOf({ keyBytes }: LuksSettings, index: number, slot: NewSlot | undefined): LuksSlot {
  return {
    index,
    offset: luksSlotOffset(index),
    fields: {
      active: slot ? luksSlotEnabled : luksSlotDisabled,
      iterations: slot?.iterations ?? 0,
      key_material_offset: luksHeaderSectors + index * luksKeyMaterialSectors(keyBytes, luksStripes),
      stripes: luksStripes,
    },
    salt: slot?.salt ?? new Uint8Array(luksSaltBytes),
    active: slot !== undefined,
  };
}

/** A random UUID (RFC 9562, version 4). */
function uuid(ciphers: Ciphers): string {
  const bytes = ciphers.random(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
