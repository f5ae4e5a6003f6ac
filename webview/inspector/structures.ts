import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset } from '../../src/engine/format/show.ts';
import type { Extension, Image } from '../description.ts';
import { findingsAt } from '../findings.ts';
import { hostBytesCommand, infoCommand } from '../qemuCommands.ts';
import { hostRange } from '../selection.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import '../widgets/hex.ts';
import { chainFileState } from './chainFile.ts';
import { type Context, fieldPairs, findingLinks, head, link, pairs, reveal, section, text } from './parts.ts';

/** A header extension. */
export function explainExtension(context: Context, row: Extension, index: number): TemplateResult {
  const type = row.type.toString(16).padStart(8, '0');
  return html`
    ${head(row.known ? row.name : 'Unknown extension', `header extension ${index + 1}, type ${type}`)}
    ${section(
      'Where',
      pairs([
        ['host', link(showOffset(row.offset), hostRange(BigInt(row.offset), BigInt(row.length + 8)))],
        ['data', `${showCount(row.length)} bytes`],
      ]),
    )}
    ${section('Content', html`<p>${row.known ? text(row.content) : 'Not known here; kept as it is.'}</p>`)}
    ${section('Fields', fieldPairs(row.fields))} ${bytes('Data', row.data, BigInt(row.offset + 8))}
    ${section('Findings', findingLinks(findingsAt(context.listed, `extension[${index}]`)))}
    ${reveal(context, { kind: 'extension', index })}
    ${section(
      'Copy',
      copyButtons([
        ['Data', showHex(row.data)],
        ['Offset', String(row.offset)],
        ['Place', `extension[${index}]`],
        ['JSON', toJson(row)],
        hostBytesCommand(context.path, BigInt(row.offset), BigInt(row.length + 8)),
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** The backing file. */
export function explainBacking(context: Context, backing: NonNullable<Image['backing']>): TemplateResult {
  const nameAt = [backing.offset, BigInt(backing.nameBytes.length)] as const;
  return html`
    ${head('Backing file', 'what is unallocated here reads from it')}
    ${section('Name', html`<p>${text(backing.name)}</p>`)}
    ${section(
      'Where',
      pairs([
        ['host', link(showOffset(backing.offset), hostRange(...nameAt))],
        ['format', backing.format === undefined ? 'not named: QEMU would have to guess it' : text(backing.format)],
      ]),
    )}
    ${section('File', chainFileState(context.session, { depth: 1, role: 'backing' }))}
    ${bytes('Bytes of the name', backing.nameBytes, backing.offset)}
    ${reveal(context, { kind: 'backing' }, { kind: 'field', name: 'backing_file_offset' })}
    ${section(
      'Copy',
      copyButtons([
        ['Name', backing.name],
        ['Bytes', showHex(backing.nameBytes)],
        ['Offset', String(backing.offset)],
        ['JSON', toJson(backing)],
        hostBytesCommand(context.path, ...nameAt),
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** The external data file. */
export function explainDataFile(context: Context, { name, raw }: NonNullable<Image['dataFile']>): TemplateResult {
  return html`
    ${head('External data file', 'holds the guest’s data, each byte at its guest offset')}
    ${section('Name', name === undefined ? 'Not named in the image: QEMU needs it as an option.' : html`<p>${text(name)}</p>`)}
    ${section('Raw', raw ? 'Yes: the file alone is a valid raw image.' : 'No: zeros and unallocated ranges are known only to this image.')}
    ${section('File', chainFileState(context.session, { depth: 0, role: 'data-file' }))}
    ${reveal(context, { kind: 'data-file' })}
    ${section(
      'Copy',
      copyButtons([
        ...(name === undefined ? [] : [['Name', name] as const]),
        ['JSON', toJson({ name, raw })],
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** Bytes in hex, where there are any; `base` is the host offset of the first. */
export function bytes(title: string, held: Uint8Array, base = 0n): TemplateResult | typeof nothing {
  return held.length === 0
    ? nothing
    : section(title, html`<qcow2-hex label=${title} .bytes=${held} .base=${base}></qcow2-hex>`);
}
