import { html, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset } from '../../src/engine/format/show.ts';
import type { Bit, Header, Mask, Row } from '../description.ts';
import { findingsAt } from '../findings.ts';
import { absence } from '../panes/header.ts';
import { hostBytesCommand, infoCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { visible } from '../widgets/visible.ts';
import { wordsOf } from '../words.ts';
import { linkedText } from './linkedText.ts';
import { type Context, findingLinks, head, link, pairs, reveal, rules, section, text } from './parts.ts';
import { bytes } from './structures.ts';

/** A header field. */
export function explainField(context: Context, header: Header, row: Row): TemplateResult {
  const since = row.offset < 72 ? 'since version 2' : 'since version 3';
  const place = row.size === 1 ? `byte ${row.offset}` : `bytes ${row.offset}–${row.offset + row.size - 1}`;
  const present = html`<p>${text(showHex(row.bytes))} <span class="quiet">big endian</span></p>`;
  return html`
    ${head(row.name, `header field, ${place}, ${since}`)}
    ${section('Bytes', row.present ? present : html`<p class="quiet">${absence(header, row)}</p>`)}
    ${section('Value', fieldValue(context, row))} ${section('Where', fieldPlace(header, row))} ${section('Meaning', html`<p>${row.about}</p>`)}
    ${section('Rules', rules(row.rules))}
    ${section('Findings', findingLinks(findingsAt(context.listed, `header.${row.name}`)))}
    ${reveal(context, { kind: 'field', name: row.name })}
    ${section(
      'Copy',
      copyButtons([
        ['Value', String(row.value)],
        ['Value in hex', `0x${row.value.toString(16)}`],
        ...(row.present ? [['Bytes', showHex(row.bytes)] as const, ['Offset', String(row.offset)] as const] : []),
        ['Place', `header.${row.name}`],
        ['JSON', toJson(row)],
        ...(row.present ? [hostBytesCommand(context.path, BigInt(row.offset), BigInt(row.size))] : []),
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** The value as shown, then in those of the other notations that differ. */
function fieldValue({ image }: Context, row: Row): TemplateResult {
  const other = (shown: string): TemplateResult | undefined => (shown === row.shown ? undefined : text(shown));
  return pairs([
    ['value', text(row.shown)],
    ['decimal', other(showCount(row.value))],
    ['hex', other(showOffset(row.value))],
    ['means', row.meaning === '' ? undefined : linkedText(row.meaning, image)],
  ]);
}

/** Where the field is, and where its value leads to. */
function fieldPlace(header: Header, row: Row): TemplateResult {
  const target = fieldTarget(header, row);
  const own = hostRange(BigInt(row.offset), BigInt(row.size));
  return pairs([
    ['field', row.present ? link(showOffset(row.offset), own) : undefined],
    ['leads to', target && link(wordsOf(target), target)],
  ]);
}

/** What the value of a field leads to: a table or a name, as long as other fields say. */
function fieldTarget({ fields }: Header, { name, value }: Row): Selection | undefined {
  const field = (other: string): bigint => BigInt(fields.find((row) => row.name === other)?.value ?? 0);
  const place = (length: bigint): Selection | undefined =>
    value === 0n || length === 0n ? undefined : hostRange(BigInt(value), length);
  switch (name) {
    case 'l1_table_offset':
    case 'l1_size':
      return field('l1_size') === 0n ? undefined : { kind: 'l1-entry', index: 0 };
    case 'refcount_table_offset':
    case 'refcount_table_clusters':
      return field('refcount_table_clusters') === 0n ? undefined : { kind: 'refcount-table-entry', index: 0 };
    case 'snapshots_offset':
    case 'nb_snapshots':
      return field('nb_snapshots') === 0n ? undefined : { kind: 'snapshot', index: 0 };
    case 'backing_file_offset':
      return place(field('backing_file_size'));
    case 'crypt_method':
      return value === 0 ? undefined : { kind: 'encryption' };
    default:
      return undefined;
  }
}

/** Header bytes past the fields we know. */
export function explainUnknownFields(context: Context, unknown: NonNullable<Header['unknownFields']>): TemplateResult {
  const place = [BigInt(unknown.offset), BigInt(unknown.bytes.length)] as const;
  return html`
    ${head('Unknown header fields', `${showCount(unknown.bytes.length)} bytes from byte ${unknown.offset}, up to header_length`)}
    ${section(
      'Meaning',
      html`<p>
        Fields of a later version or of another program. They are safe to ignore as long as no unknown incompatible
        feature is set, and are kept as they are on every header update.
      </p>`,
    )}
    ${section('Where', pairs([['host', link(showOffset(unknown.offset), hostRange(...place))]]))}
    ${bytes('Bytes', unknown.bytes, BigInt(unknown.offset))}
    ${section('Findings', findingLinks(findingsAt(context.listed, 'header.unknownFields')))}
    ${reveal(context, { kind: 'unknown-fields' })}
    ${section(
      'Copy',
      copyButtons([
        ['Bytes', showHex(unknown.bytes)],
        ['Offset', String(unknown.offset)],
        ['JSON', toJson(unknown)],
        hostBytesCommand(context.path, ...place),
      ]),
    )}
  `;
}

/** A feature bit. */
export function explainBit(context: Context, mask: Mask, bit: Bit): TemplateResult {
  const field = `${mask.name}_features`;
  return html`
    ${head(bit.name || `bit ${bit.bit}`, `bit ${bit.bit} of ${field}`)}
    ${section(
      'Value',
      pairs([
        ['bit', bit.set ? 'set' : 'clear'],
        ['known', bit.known ? 'yes' : 'no'],
        ['mask', link(showOffset(mask.value), { kind: 'field', name: field })],
        ['name in image', bit.imageName === undefined ? undefined : text(bit.imageName)],
      ]),
    )}
    ${section('Meaning', html`<p>${visible(bit.meaning)}</p>`)} ${section('If it is unknown', maskRules[mask.name])}
    ${section('Findings', findingLinks(findingsAt(context.listed, `header.${field}`)))}
    ${reveal(context, { kind: 'bit', mask: mask.name, bit: bit.bit })}
    ${section(
      'Copy',
      copyButtons([
        ['Value', bit.set ? '1' : '0'],
        ['Value in hex', `0x${(1n << BigInt(bit.bit)).toString(16)}`],
        ['Place', `${mask.name} bit ${bit.bit}`],
        ['JSON', toJson({ mask: mask.name, ...bit })],
        infoCommand(context.path),
      ]),
    )}
  `;
}

const maskRules: Readonly<Record<Mask['name'], string>> = {
  incompatible: 'A program that does not know a set incompatible bit must refuse the image.',
  compatible: 'A program may ignore compatible bits that it does not know.',
  autoclear: 'A program must clear autoclear bits that it does not know before it writes to the image.',
};
