import { html, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset } from '../../src/engine/format/show.ts';
import type { Bit, Header, Mask, Row } from '../description.ts';
import { findingsAt } from '../findings.ts';
import { absence } from '../panes/header.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { visible } from '../widgets/visible.ts';
import { type Context, findingLinks, head, pairs, reveal, rules, section, text } from './parts.ts';
import { bytes } from './structures.ts';

/** A header field. */
export function explainField(context: Context, header: Header, row: Row): TemplateResult {
  const since = row.offset < 72 ? 'since version 2' : 'since version 3';
  const place = row.size === 1 ? `byte ${row.offset}` : `bytes ${row.offset}–${row.offset + row.size - 1}`;
  const present = html`<p>${text(showHex(row.bytes))} <span class="quiet">big endian</span></p>`;
  return html`
    ${head(row.name, `header field, ${place}, ${since}`)}
    ${section('Bytes', row.present ? present : html`<p class="quiet">${absence(header, row)}</p>`)}
    ${section('Value', fieldValue(row))} ${section('Meaning', html`<p>${row.about}</p>`)}
    ${section('Rules', rules(row.rules))}
    ${section('Findings', findingLinks(findingsAt(context.listed, `header.${row.name}`)))}
    ${reveal(context, { kind: 'field', name: row.name })}
    ${section(
      'Copy',
      copyButtons([
        ['Value', String(row.value)],
        ['Bytes', showHex(row.bytes)],
        ['Offset', String(row.offset)],
        ['JSON', toJson(row)],
      ]),
    )}
  `;
}

/** The value as shown, then in those of the other notations that differ. */
function fieldValue(row: Row): TemplateResult {
  const other = (shown: string): TemplateResult | undefined => (shown === row.shown ? undefined : text(shown));
  return pairs([
    ['value', text(row.shown)],
    ['decimal', other(showCount(row.value))],
    ['hex', other(showOffset(row.value))],
    ['means', row.meaning === '' ? undefined : visible(row.meaning)],
  ]);
}

/** Header bytes past the fields we know. */
export function explainUnknownFields(unknown: NonNullable<Header['unknownFields']>): TemplateResult {
  return html`
    ${head('Unknown header fields', `${showCount(unknown.bytes.length)} bytes from byte ${unknown.offset}, up to header_length`)}
    ${section(
      'Meaning',
      html`<p>
        Fields of a later version or of another program. They are safe to ignore as long as no unknown incompatible
        feature is set, and are kept as they are on every header update.
      </p>`,
    )}
    ${bytes('Bytes', unknown.bytes, BigInt(unknown.offset))}
    ${section(
      'Copy',
      copyButtons([
        ['Bytes', showHex(unknown.bytes)],
        ['Offset', String(unknown.offset)],
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
        ['mask', text(showOffset(mask.value))],
        ['name in image', bit.imageName === undefined ? undefined : text(bit.imageName)],
      ]),
    )}
    ${section('Meaning', html`<p>${visible(bit.meaning)}</p>`)} ${section('If it is unknown', maskRules[mask.name])}
    ${section('Findings', findingLinks(findingsAt(context.listed, `header.${field}`)))}
    ${reveal(context, { kind: 'field', name: field })}
  `;
}

const maskRules: Readonly<Record<Mask['name'], string>> = {
  incompatible: 'A program that does not know a set incompatible bit must refuse the image.',
  compatible: 'A program may ignore compatible bits that it does not know.',
  autoclear: 'A program must clear autoclear bits that it does not know before it writes to the image.',
};
