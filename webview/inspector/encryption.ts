import { html, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Image } from '../description.ts';
import { findingsAt } from '../findings.ts';
import { hostBytesCommand, infoCommand } from '../qemuCommands.ts';
import { hostRange } from '../selection.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { type Context, fieldPairs, findingLinks, head, link, pairs, reveal, section, text } from './parts.ts';

type Encryption = NonNullable<Image['encryption']>;

/** Encryption as a whole. */
export function explainEncryption(context: Context, encryption: Encryption): TemplateResult {
  const { offset, length, cipher, hash, uuid, luks, slots } = encryption;
  const active = slots.filter((slot) => slot.active).length;
  return html`
    ${head(encryption.method, 'encryption of guest data; the tables are never encrypted')}
    ${section(
      'Header',
      pairs([
        ['host', offset === undefined ? undefined : link(showOffset(offset), hostRange(offset, length ?? 0n))],
        ['length', length === undefined ? undefined : showSize(length)],
        ['cipher', cipher === undefined ? undefined : text(cipher)],
        ['hash', hash === undefined ? undefined : text(hash)],
        ['uuid', uuid === undefined ? undefined : text(uuid)],
      ]),
    )}
    ${section('Cipher', luks && html`<p>${luks.cipherWords}</p>`)}
    ${section('Key slots', slots.length === 0 ? undefined : `${active} of ${slots.length} in use: as many passwords open the image.`)}
    ${section('Fields', fieldPairs(encryption.fields))}
    ${section('Findings', findingLinks(findingsAt(context.listed, 'luks')))} ${reveal(context, { kind: 'encryption' })}
    ${section(
      'Copy',
      copyButtons([
        ...(uuid === undefined ? [] : [['UUID', uuid] as const]),
        ...(offset === undefined
          ? []
          : [['Offset', String(offset)] as const, hostBytesCommand(context.path, offset, length ?? 592n)]),
        ['JSON', toJson(encryption)],
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** A key slot of the LUKS header. */
export function explainKeySlot(context: Context, encryption: Encryption, index: number): TemplateResult | undefined {
  const { luks, offset: area = 0n } = encryption;
  const slot = luks?.slots[index];
  if (!slot) {
    return undefined;
  }
  const { material } = slot;
  return html`
    ${head(`Key slot ${index}`, keySlotStates[slot.state])}
    ${section(
      'Where',
      pairs([
        ['slot', link(showOffset(area + BigInt(slot.offset)), hostRange(area + BigInt(slot.offset), 48n))],
        ['key material', link(showOffset(area + material.offset), hostRange(area + material.offset, material.length))],
        ['length', `${showCount(material.length)} bytes`],
      ]),
    )}
    ${section('Meaning', keySlotMeanings[slot.state])}
    ${section('Fields', fieldPairs(slot.fields))} ${section('Salt', html`<p>${text(showHex(slot.salt))}</p>`)}
    ${section('Findings', findingLinks(findingsAt(context.listed, `luks.slot[${index}]`)))}
    ${reveal(context, { kind: 'key-slot', index })}
    ${section(
      'Copy',
      copyButtons([
        ['Offset of the slot', String(area + BigInt(slot.offset))],
        ['Offset of the key material', String(area + material.offset)],
        ['Place', `key slot ${index}`],
        ['JSON', toJson(slot)],
        hostBytesCommand(context.path, area + BigInt(slot.offset), 48n),
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** What a key slot is, in a word. */
export const keySlotStates = {
  active: 'in use',
  disabled: 'not in use',
  unknown: 'neither in use nor disabled: its state is not one of LUKS',
} as const;

const keySlotMeanings = {
  active:
    'Its key material is the master key, split into stripes and encrypted with a key that PBKDF2 makes of a password and the salt. Without that password it tells nothing.',
  disabled: 'No password opens it. What its key material held before should have been overwritten.',
  unknown: 'QEMU refuses a LUKS header with such a slot.',
} as const;
