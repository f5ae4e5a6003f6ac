import {
  encodeLuks,
  type Luks,
  type LuksSlot,
  luksFields,
  luksKeyMaterial,
  luksSlotDisabled,
  luksSlotFields,
  luksTexts,
} from '../format/luks.ts';
import { cipherWords } from '../format/luksAlgorithms.ts';
import { fieldRows } from '../format/rows.ts';
import { showCount, showSize } from '../format/show.ts';
import { decodeCText } from '../format/text.ts';
import type { KeySlotDescription, LuksDescription, LuksRow } from './description.ts';

/** Texts that are bytes. */
const plainBytes: ReadonlySet<string> = new Set(['magic', 'mk_digest', 'mk_digest_salt']);

/** A LUKS header in full. */
export function describeLuks(luks: Luks): LuksDescription {
  const { payload_offset: payload, key_bytes: keyBytes } = luks.fields;
  const header = encodeLuks(luks);
  return {
    rows: [...numberRows(luks, header), ...textRows(luks)].sort((a, b) => a.offset - b.offset),
    cipherWords: cipherWords(luks),
    keyBytes,
    payloadOffset: BigInt(payload) * 512n,
    slots: luks.slots.map((slot) => describeSlot(luks, slot, header)),
  };
}

function numberRows({ fields }: Luks, bytes: Uint8Array): LuksRow[] {
  const meanings: Readonly<Record<string, string>> = {
    payload_offset: `${showSize(BigInt(fields.payload_offset) * 512n)} from the LUKS header`,
    key_bytes: `${showCount(fields.key_bytes * 8)} bits`,
  };
  return fieldRows(luksFields, { bytes }).map((row) => ({
    name: row.name,
    offset: row.offset,
    bytes: row.bytes,
    shown: row.shown,
    meaning: meanings[row.name] ?? '',
    about: row.about,
  }));
}

function textRows(luks: Luks): LuksRow[] {
  return luksTexts.map(({ name, offset, meaning: about }) => {
    const bytes = luks.bytes[name];
    return { name, offset, bytes, shown: plainBytes.has(name) ? '' : decodeCText(bytes), meaning: '', about };
  });
}

function describeSlot(luks: Luks, slot: LuksSlot, bytes: Uint8Array): KeySlotDescription {
  const { index, offset, fields, salt, active } = slot;
  return {
    index,
    offset,
    state: active ? 'active' : fields.active === luksSlotDisabled ? 'disabled' : 'unknown',
    iterations: fields.iterations,
    stripes: fields.stripes,
    salt,
    material: luksKeyMaterial(luks, slot),
    fields: fieldRows(luksSlotFields, { bytes, base: offset }),
  };
}
