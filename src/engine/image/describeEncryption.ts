import { encodeLuks, luksFields } from '../format/luks.ts';
import { fieldRows } from '../format/rows.ts';
import { describeLuks } from './describeLuks.ts';
import type { EncryptionDescription } from './description.ts';
import type { Image } from './image.ts';

const methods = ['unknown', 'AES', 'LUKS'] as const;

/** The encryption, from the header and the LUKS header; undefined for an image that is not encrypted. */
export function describeEncryption({ header, luksArea, luks }: Image): EncryptionDescription | undefined {
  if (!header || (header.crypt_method === 0 && !luksArea)) {
    return undefined;
  }
  const method = methods[header.crypt_method] ?? 'unknown';
  const place = luksArea ?? {};
  if (!luks) {
    return { method, ...place, fields: [], slots: [] };
  }
  return {
    method,
    ...place,
    cipher: `${luks.cipherName}-${luks.cipherMode}`,
    hash: luks.hash,
    uuid: luks.uuid,
    fields: fieldRows(luksFields, { bytes: encodeLuks(luks) }),
    slots: luks.slots.map(({ index, active, fields }) => ({
      index,
      active,
      iterations: fields.iterations,
      keyOffset: BigInt(fields.key_material_offset) * 512n,
      stripes: fields.stripes,
    })),
    luks: describeLuks(luks),
  };
}
