import { type Decoded, decodeFields, encodeFields, type Field } from './field.ts';
import { decodeCText } from './text.ts';

/** The numbers of a LUKS1 header (LUKS on-disk format 1.2.1, figure 1). */
export const luksFields = [
  { name: 'version', offset: 6, width: 2, kind: 'number', meaning: 'Version of LUKS: 1.' },
  {
    name: 'payload_offset',
    offset: 104,
    width: 4,
    kind: 'count',
    meaning: 'Start of the encrypted data in sectors of 512 bytes. Not used in qcow2: the data is in the clusters.',
  },
  { name: 'key_bytes', offset: 108, width: 4, kind: 'bytes', meaning: 'Length of the master key.' },
  {
    name: 'mk_digest_iter',
    offset: 164,
    width: 4,
    kind: 'count',
    meaning: 'PBKDF2 iterations for the checksum of the master key.',
  },
] as const;

/** The byte strings of a LUKS1 header. */
export const luksTexts = [
  { name: 'magic', offset: 0, length: 6, meaning: '"LUKS" and the bytes BA BE.' },
  { name: 'cipher_name', offset: 8, length: 32, meaning: 'Cipher, such as aes.' },
  { name: 'cipher_mode', offset: 40, length: 32, meaning: 'Mode and initialisation vectors, such as xts-plain64.' },
  { name: 'hash_spec', offset: 72, length: 32, meaning: 'Hash of PBKDF2, such as sha256.' },
  { name: 'mk_digest', offset: 112, length: 20, meaning: 'Checksum of the master key.' },
  { name: 'mk_digest_salt', offset: 132, length: 32, meaning: 'Salt for that checksum.' },
  { name: 'uuid', offset: 168, length: 40, meaning: 'Identity of the encrypted volume.' },
] as const;

/** The numbers of a key slot, by offset in it. */
export const luksSlotFields = [
  { name: 'active', offset: 0, width: 4, kind: 'bits', meaning: '0x00AC71F3 enabled, 0x0000DEAD disabled.' },
  { name: 'iterations', offset: 4, width: 4, kind: 'count', meaning: 'PBKDF2 iterations for the password.' },
  {
    name: 'key_material_offset',
    offset: 40,
    width: 4,
    kind: 'count',
    meaning: 'Start of the key material in sectors of 512 bytes from the LUKS header.',
  },
  { name: 'stripes', offset: 44, width: 4, kind: 'count', meaning: 'Anti-forensic stripes: 4000.' },
] as const satisfies readonly Field[];

/** Bytes of a LUKS1 header with its eight key slots. */
export const luksHeaderBytes = 592;

/** "LUKS" and two bytes. */
export const luksMagic: readonly number[] = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];

/** Bytes of a sector, in which LUKS counts and encrypts. */
export const luksSectorBytes = 512;

/** Sectors before the first key material (QCRYPTO_BLOCK_LUKS_KEY_SLOT_OFFSET). */
export const luksHeaderSectors = 8;

/** Stripes of the key material of every slot that QEMU reads. */
export const luksStripes = 4000;

/** `active` of a slot in use. */
export const luksSlotEnabled = 0x00ac71f3;

/** `active` of a slot not in use. */
export const luksSlotDisabled = 0x0000dead;

/** Key slots of a LUKS1 header. */
export const luksSlots = 8;

const slotsOffset = 208;
const slotBytes = 48;
const saltOffset = 8;
/** Bytes of the salt of a slot, and of the master key's digest. */
export const luksSaltBytes = 32;

/** A LUKS1 header. */
export interface Luks {
  readonly fields: Readonly<Decoded<typeof luksFields>>;
  /** The byte strings by name, at their full length. */
  readonly bytes: Readonly<Record<LuksTextName, Uint8Array>>;
  /** The strings up to their first NUL. */
  readonly cipherName: string;
  readonly cipherMode: string;
  readonly hash: string;
  readonly uuid: string;
  readonly slots: readonly LuksSlot[];
}

/** The name of a byte string of the header. */
export type LuksTextName = (typeof luksTexts)[number]['name'];

/** One of the eight key slots. */
export interface LuksSlot {
  readonly index: number;
  /** Byte from the start of the LUKS header. */
  readonly offset: number;
  readonly fields: Readonly<Decoded<typeof luksSlotFields>>;
  readonly salt: Uint8Array;
  readonly active: boolean;
}

/** Parses a LUKS1 header; undefined if there are fewer than 592 bytes. What is wrong in it: `luksProblem`. */
export function parseLuks(bytes: Uint8Array): Luks | undefined {
  if (bytes.length < luksHeaderBytes) {
    return undefined;
  }
  const text = (name: LuksTextName): Uint8Array => {
    const { offset, length } = luksText(name);
    return bytes.slice(offset, offset + length);
  };
  const strings = {
    magic: text('magic'),
    cipher_name: text('cipher_name'),
    cipher_mode: text('cipher_mode'),
    hash_spec: text('hash_spec'),
    mk_digest: text('mk_digest'),
    mk_digest_salt: text('mk_digest_salt'),
    uuid: text('uuid'),
  };
  return {
    fields: decodeFields(luksFields, bytes),
    bytes: strings,
    cipherName: decodeCText(strings.cipher_name),
    cipherMode: decodeCText(strings.cipher_mode),
    hash: decodeCText(strings.hash_spec),
    uuid: decodeCText(strings.uuid),
    slots: Array.from({ length: luksSlots }, (_, index) => parseSlot(bytes, index)),
  };
}

/** The 592 bytes of the header. */
export function encodeLuks(luks: Pick<Luks, 'fields' | 'bytes' | 'slots'>): Uint8Array {
  const bytes = new Uint8Array(luksHeaderBytes);
  encodeFields(luksFields, luks.fields, bytes);
  for (const { name, offset, length } of luksTexts) {
    bytes.set(luks.bytes[name].subarray(0, length), offset);
  }
  for (const slot of luks.slots) {
    encodeFields(luksSlotFields, slot.fields, bytes, slot.offset);
    bytes.set(slot.salt.subarray(0, luksSaltBytes), slot.offset + saltOffset);
  }
  return bytes;
}

/** Where the key material of a slot lies: byte from the start of the LUKS header, and length in bytes. */
export function luksKeyMaterial(luks: Luks, slot: LuksSlot): { offset: bigint; length: bigint } {
  return {
    offset: BigInt(slot.fields.key_material_offset) * BigInt(luksSectorBytes),
    length: BigInt(luks.fields.key_bytes) * BigInt(slot.fields.stripes),
  };
}

/** Sectors that the key material of a slot takes, in whole units of 8 (qcrypto_block_luks_splitkeylen_sectors). */
export function luksKeyMaterialSectors(keyBytes: number, stripes: number): number {
  const sectors = Math.ceil((keyBytes * stripes) / luksSectorBytes);
  return Math.ceil(sectors / luksHeaderSectors) * luksHeaderSectors;
}

function luksText(name: LuksTextName): (typeof luksTexts)[number] {
  const found = luksTexts.find((text) => text.name === name);
  return found ?? luksTexts[0];
}

/** Where a key slot lies: byte from the start of the LUKS header. */
export function luksSlotOffset(index: number): number {
  return slotsOffset + index * slotBytes;
}

function parseSlot(bytes: Uint8Array, index: number): LuksSlot {
  const offset = luksSlotOffset(index);
  const fields = decodeFields(luksSlotFields, bytes, offset);
  const salt = bytes.slice(offset + saltOffset, offset + saltOffset + luksSaltBytes);
  return { index, offset, fields, salt, active: fields.active === luksSlotEnabled };
}
