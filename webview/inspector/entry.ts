import { html, nothing, type TemplateResult } from 'lit';
import { showHex, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { EntryPlaceRequest, ExplainedEntry } from '../../src/protocol/placeApi.ts';
import type { Image } from '../description.ts';
import { findingsAt } from '../findings.ts';
import { hostBytesCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { wordsOf } from '../words.ts';
import { ask } from './ask.ts';
import { bitTable } from './bits.ts';
import { clusterUse } from './cluster.ts';
import { type Context, findingLinks, head, link, pairs, reveal, section, text } from './parts.ts';
import { chain, type Element, hostElement, l1Element, l2Element, layer, layerElements } from './tableWay.ts';

type EntrySelection = Extract<Selection, { kind: 'l1-entry' | 'l2-entry' | 'refcount-table-entry' }>;

/** An entry of an L1 table, an L2 table or the refcount table. */
export function explainEntry(context: Context, selection: EntrySelection): TemplateResult {
  const { title, table, request } = entryWords(selection);
  return html`
    ${head(title, table)}
    ${ask(context, 'explainEntry', request, 'Reading the entry', (entry) => entryExplained(context, selection, entry))}
    ${reveal(context, selection)}
  `;
}

function entryWords(selection: EntrySelection): { title: string; table: string; request: EntryPlaceRequest } {
  switch (selection.kind) {
    case 'l1-entry': {
      const { index, snapshot } = selection;
      const table = `entry of the L1 table${snapshot === undefined ? '' : ` of snapshot[${snapshot}]`}`;
      return { title: `L1[${index}]`, table, request: { table: 'l1', index, ...layer(snapshot) } };
    }
    case 'l2-entry': {
      const { l1, index, snapshot } = selection;
      const table = `entry of the L2 table of L1[${l1}]${snapshot === undefined ? '' : `, snapshot[${snapshot}]`}`;
      return { title: `L2[${index}]`, table, request: { table: 'l2', l1, index, ...layer(snapshot) } };
    }
    case 'refcount-table-entry': {
      const { index } = selection;
      return {
        title: `refcount_table[${index}]`,
        table: 'entry of the refcount table',
        request: { table: 'refcount-table', index },
      };
    }
  }
}

function entryExplained(context: Context, selection: EntrySelection, entry: ExplainedEntry): TemplateResult {
  const { offset, bytes, decoded, guest, target } = entry;
  const { image, path, listed } = context;
  const size = BigInt(bytes.length);
  const snapshot = 'snapshot' in selection ? selection.snapshot : undefined;
  const isData = selection.kind === 'l2-entry';
  return html`
    ${section(
      'Where',
      pairs([
        ['entry', html`${link(showOffset(offset), hostRange(offset, size))} <span class="quiet">host</span>`],
        [
          'guest',
          guest &&
            html`${link(showOffset(guest.offset), { kind: 'guest', start: guest.offset, length: guest.length, ...layer(snapshot) })} + ${showSize(guest.length)}`,
        ],
        ['leads to', target && link(...targetLink(context, target, isData))],
      ]),
    )}
    ${section('How it is found', chain(entryChain(context, selection, entry)))}
    ${section(
      'What it is',
      html`<p>${kindWords[decoded.kind]}${decoded.length === undefined ? nothing : `, at most ${decoded.length} bytes`}</p>
      ${decoded.wrong === undefined ? nothing : html`<p class="tone-corruption">Wrong: ${decoded.wrong}.</p>`}`,
    )}
    ${entryBits(image, entry)}
    ${target === undefined || (isData && image.dataFile) ? nothing : clusterUse(context, target.offset, leadingOf(selection, entry))}
    ${section('Findings', findingLinks(findingsAt(listed, wordsOf(selection))))}
    ${section(
      'Copy',
      copyButtons([
        ['Value', `0x${decoded.raw ?? ''}`],
        ['Bytes', showHex(bytes)],
        ['Offset', String(offset)],
        ['Place', wordsOf(selection)],
        ['JSON', toJson({ place: wordsOf(selection), ...entry })],
        hostBytesCommand(path, offset, size),
      ]),
    )}
  `;
}

/** The descriptor bit by bit, and that of the subclusters. */
function entryBits(image: Image, { bytes, rows, subclusters }: ExplainedEntry): TemplateResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number): string => `0x${view.getBigUint64(at).toString(16).padStart(16, '0')}`;
  return html`
    ${rows.length === 0 ? nothing : section('Entry', html`<p>${text(word(0))}</p>${bitTable(rows, view.getBigUint64(0), image)}`)}
    ${subclusters.length === 0 ? nothing : section('Subclusters', html`<p>${text(word(8))}</p>${bitTable(subclusters, view.getBigUint64(8), image)}`)}
  `;
}

function entryChain({ image }: Context, selection: EntrySelection, { target }: ExplainedEntry): Element[] {
  const leadsTo = (what: string, isData = false): Element[] =>
    target === undefined ? [] : [hostElement(image, what, target.offset, target.length, isData)];
  switch (selection.kind) {
    case 'l1-entry':
      return [
        ...layerElements(selection.snapshot),
        l1Element(selection.index, selection.snapshot),
        ...leadsTo('L2 table'),
      ];
    case 'l2-entry':
      return [
        ...layerElements(selection.snapshot),
        l1Element(selection.l1, selection.snapshot),
        l2Element(selection.l1, selection.index, selection.snapshot),
        ...leadsTo('host', true),
      ];
    case 'refcount-table-entry':
      return [
        { text: 'header', selection: { kind: 'field', name: 'refcount_table_offset' } },
        { text: wordsOf(selection), selection },
        ...leadsTo('refcount block'),
      ];
  }
}

function targetLink({ image }: Context, { offset, length }: { offset: bigint; length: bigint }, isData: boolean) {
  const { text: words, selection } = hostElement(image, 'host', offset, length, isData);
  return [words, selection ?? hostRange(offset, length)] as const;
}

/** COPIED is kept right in the active layer; compressed clusters never have it. */
function leadingOf(selection: EntrySelection, { decoded }: ExplainedEntry): { copied: boolean | undefined } {
  const told = 'snapshot' in selection ? selection.snapshot === undefined : selection.kind !== 'refcount-table-entry';
  return { copied: told && decoded.kind !== 'compressed' ? decoded.copied === true : undefined };
}

/** What an entry is. */
const kindWords: Readonly<Record<ExplainedEntry['decoded']['kind'], string>> = {
  table: 'It leads to an L2 table',
  block: 'It leads to a refcount block',
  unallocated: 'It leads nowhere: what it maps is not in this image',
  normal: 'A cluster of data',
  compressed: 'A compressed cluster',
  'zero-plain': 'A cluster that reads as zeros and takes no place in the file',
  'zero-allocated': 'A cluster that reads as zeros; a place in the file is kept for it',
  mixed: 'A cluster whose subclusters are of several kinds',
  invalid: 'An entry that breaks the rules: QEMU does not read it',
  free: 'A free cluster',
  single: 'A cluster with one reference',
  multiple: 'A cluster with several references',
  data: 'It leads to data of the bitmap',
  'all-zeros': 'Nothing is dirty in its range',
  'all-ones': 'Everything is dirty in its range',
  'past-end': 'It lies past the end of the file: QEMU reads it as zeros',
  unreadable: 'The system failed to read it',
};
