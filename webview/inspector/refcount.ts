import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset } from '../../src/engine/format/show.ts';
import type { ExplainedRefcount } from '../../src/protocol/placeApi.ts';
import { hostBytesCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import { type Copyable, copyButtons, toJson } from '../widgets/copy.ts';
import { wordsOf } from '../words.ts';
import { ask } from './ask.ts';
import { rangeOwners } from './cluster.ts';
import { type Context, head, link, pairs, reveal, section, text } from './parts.ts';
import { chain } from './tableWay.ts';

/** An entry of a refcount block: the refcount of one host cluster. */
export function explainRefcountEntry(
  context: Context,
  selection: Extract<Selection, { kind: 'refcount-entry' }>,
): TemplateResult | undefined {
  const { geometry } = context.image;
  if (geometry === undefined) {
    return undefined;
  }
  const perBlock = (geometry.clusterSize * 8) / geometry.refcountBits;
  const cluster = selection.block * perBlock + selection.index;
  const start = BigInt(cluster) * BigInt(geometry.clusterSize);
  const { block, index } = selection;
  return html`
    ${head(`Refcount of cluster ${showCount(cluster)}`, `entry ${showCount(index)} of refcount block ${showCount(block)}`)}
    ${section(
      'How it is found',
      chain([
        { text: 'header', selection: { kind: 'field', name: 'refcount_table_offset' } },
        { text: `refcount_table[${block}]`, selection: { kind: 'refcount-table-entry', index: block } },
        { text: `refcount[${index}]`, selection },
      ]),
    )}
    ${ask(context, 'explainRefcount', { host: start }, 'Reading the refcount', (found) => refcountExplained(context, selection, found, start))}
    ${rangeOwners(context, start, BigInt(geometry.clusterSize))} ${reveal(context, selection, hostRange(start, BigInt(geometry.clusterSize)))}
  `;
}

function refcountExplained(
  { path, image }: Context,
  selection: Selection,
  found: ExplainedRefcount,
  start: bigint,
): TemplateResult {
  const { refcount, place, bytes, bits, note } = found;
  const command: Copyable[] = place === undefined ? [] : [hostBytesCommand(path, place.offset, place.length)];
  return html`
    ${section(
      'Where',
      pairs([
        ['entry', place && link(showOffset(place.offset), hostRange(place.offset, place.length))],
        ['cluster', link(showOffset(start), hostRange(start, BigInt(image.geometry?.clusterSize ?? 1)))],
      ]),
    )}
    ${section(
      'Value',
      html`${pairs([
        ['refcount', refcount === undefined ? 'not known' : text(showCount(refcount))],
        ['bytes', bytes && text(showHex(bytes))],
        [
          'width',
          `${bits} ${bits === 1 ? 'bit' : 'bits'}${bits < 8 ? `, number ${selectionIndex(selection) % (8 / bits)} of its byte from the lowest bit on` : ''}`,
        ],
      ])}
      ${note === undefined ? nothing : html`<p class="quiet">${note}</p>`}`,
    )}
    ${section('Meaning', html`<p>${refcount === undefined ? 'How many references there are to the cluster.' : meaningOf(refcount)}</p>`)}
    ${section(
      'Copy',
      copyButtons([
        ...(refcount === undefined
          ? []
          : [['Value', String(refcount)] as const, ['Value in hex', `0x${refcount.toString(16)}`] as const]),
        ...(place === undefined ? [] : [['Offset', String(place.offset)] as const]),
        ['Place', wordsOf(selection)],
        ['JSON', toJson({ place: wordsOf(selection), ...found })],
        ...command,
      ]),
    )}
  `;
}

function selectionIndex(selection: Selection): number {
  return selection.kind === 'refcount-entry' ? selection.index : 0;
}

function meaningOf(refcount: number | bigint): string {
  switch (BigInt(refcount)) {
    case 0n:
      return 'The cluster is free: QEMU may write anything there.';
    case 1n:
      return 'One reference: what refers to the cluster may write to it in place.';
    default:
      return 'Several references, mostly by snapshots: a write goes to a copy.';
  }
}
