import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';
import { type Luks, luksKeyMaterial, parseLuks } from '../../src/engine/format/luks.ts';

/**
 * The master key of a LUKS area, by the pass phrase of slot 0; undefined where it is wrong. Written after the LUKS
 * on-disk format alone, with OpenSSL's own modes (which have no XTS of 192 bits), to hold the engine against.
 */
export function openLuks(area: Uint8Array, passphrase: string): Buffer | undefined {
  const luks = parseLuks(area);
  const slot = luks?.slots[0];
  if (luks === undefined || slot === undefined) {
    throw new Error('There is no LUKS header');
  }
  const { key_bytes: keyBytes, mk_digest_iter: iterations } = luks.fields;
  const key = pbkdf2Sync(passphrase, slot.salt, slot.fields.iterations, keyBytes, luks.hash);
  const { offset, length } = luksKeyMaterial(luks, slot);
  const material = area.subarray(Number(offset), Number(offset + length));
  const master = mergeKey(luks.hash, decryptSectors(luks, key, material), slot.fields.stripes);
  const digest = pbkdf2Sync(master, luks.bytes.mk_digest_salt, iterations, 20, luks.hash);
  return digest.equals(luks.bytes.mk_digest) ? master : undefined;
}

/** The key that was split (LUKS on-disk format, "AFmerge"). */
export function mergeKey(hash: string, split: Uint8Array, stripes: number): Buffer {
  const size = split.length / stripes;
  let block = Buffer.alloc(size);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const mixed = block.map((byte, index) => byte ^ (split[stripe * size + index] ?? 0));
    block = stripe < stripes - 1 ? diffuse(hash, Buffer.from(mixed)) : Buffer.from(mixed);
  }
  return block;
}

function diffuse(hash: string, block: Buffer): Buffer<ArrayBuffer> {
  const parts: Buffer[] = [];
  for (let rest = block; rest.length > 0; ) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(parts.length);
    const size = Math.min(rest.length, createHash(hash).digest().length);
    parts.push(createHash(hash).update(number).update(rest.subarray(0, size)).digest().subarray(0, size));
    rest = rest.subarray(size);
  }
  return Buffer.concat(parts);
}

function decryptSectors({ cipherMode }: Luks, key: Buffer, data: Uint8Array): Buffer {
  const [mode = '', generator = ''] = cipherMode.split(/-(.*)/s);
  const bits = (key.length * 8) / (mode === 'xts' ? 2 : 1);
  const sectors: Buffer[] = [];
  for (let at = 0; at < data.length; at += 512) {
    const iv = mode === 'ecb' ? null : ivOf(generator, key, at / 512);
    const decipher = createDecipheriv(`aes-${bits}-${mode}`, key, iv).setAutoPadding(false);
    sectors.push(decipher.update(data.subarray(at, at + 512)), decipher.final());
  }
  return Buffer.concat(sectors);
}

function ivOf(generator: string, key: Buffer, sector: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(sector);
  if (!generator.startsWith('essiv:')) {
    return iv;
  }
  const salt = createHash(generator.slice('essiv:'.length)).update(key).digest();
  const cipher = createCipheriv(`aes-${salt.length * 8}-ecb`, salt, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(iv), cipher.final()]);
}
