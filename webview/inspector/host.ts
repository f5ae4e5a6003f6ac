import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import { hostBytesCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { wordsOf } from '../words.ts';
import { bytesHere, structuresHere } from './bytesHere.ts';
import { clusterUse, rangeOwners } from './cluster.ts';
import { type Context, head, link, pairs, reveal, section } from './parts.ts';

type HostSelection = Extract<Selection, { kind: 'host' }>;

/** A range of the file. */
export function explainHost(context: Context, selection: HostSelection): TemplateResult {
  const { image, path } = context;
  const { start, length } = selection;
  const size = image.geometry === undefined ? undefined : BigInt(image.geometry.clusterSize);
  const last = start + (length > 0n ? length - 1n : 0n);
  const one = size !== undefined && start / size === last / size;
  return html`
    ${head(one ? `Host cluster ${showCount(start / size)}` : 'Host range', hostWords(image.file.size, start, length))}
    ${section(
      'Where',
      pairs([
        ['host', html`<span class="number">${showOffset(start)}</span>`],
        ['length', html`<span class="number">${showSize(length)}</span>`],
        ['cluster', size === undefined ? undefined : clusterLinks(selection, size)],
      ]),
    )}
    ${size === undefined ? nothing : one ? clusterUse(context, start) : rangeOwners(context, start, length)}
    ${structures(context, selection)}
    ${start < image.file.size && length > 0n ? bytesHere(context, { space: 'host', start, length }) : nothing}
    ${reveal(context, selection)}
    ${section(
      'Copy',
      copyButtons([
        ['Host offset', String(start)],
        ['Offset in hex', `0x${start.toString(16)}`],
        ['Length', String(length)],
        ['Place', wordsOf(selection)],
        ['JSON', toJson({ place: wordsOf(selection), offset: start, length })],
        hostBytesCommand(path, start, length),
      ]),
    )}
  `;
}

/** The first and the last cluster of the range; each selects itself, unless it is what is selected. */
function clusterLinks({ start, length }: HostSelection, size: bigint): TemplateResult {
  const first = start / size;
  const last = (start + (length > 0n ? length - 1n : 0n)) / size;
  const cluster = (index: bigint): TemplateResult =>
    start === index * size && length === size
      ? html`<span class="number">${showCount(index)}</span>`
      : link(showCount(index), hostRange(index * size, size));
  return first === last ? cluster(first) : html`${cluster(first)} to ${cluster(last)}`;
}

/** The structures there, where the file and the header have any. */
function structures(context: Context, { start, length }: HostSelection): TemplateResult | typeof nothing {
  const { file, geometry } = context.image;
  return geometry === undefined || start >= file.size || length === 0n
    ? nothing
    : structuresHere(context, start, length);
}

function hostWords(fileSize: bigint, start: bigint, length: bigint): string {
  if (start >= fileSize) {
    return 'past the end of the file';
  }
  return start + length > fileSize ? 'bytes of the file, and past its end' : 'bytes of the file';
}
