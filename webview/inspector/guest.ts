import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { ExtentPage, ExtentRow } from '../../src/protocol/mapApi.ts';
import type { GuestPlace } from '../../src/protocol/placeApi.ts';
import { guestCommands, hostBytesCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import { type Copyable, copyButtons, toJson } from '../widgets/copy.ts';
import { guestMapWords, guestWords, swatch } from '../widgets/kinds.ts';
import { wordsOf } from '../words.ts';
import { ask } from './ask.ts';
import { bitTable } from './bits.ts';
import { bytesHere } from './bytesHere.ts';
import { fromBelow } from './chainFile.ts';
import { clusterUse } from './cluster.ts';
import { linkedText } from './linkedText.ts';
import { type Context, head, link, pairs, reveal, section, text } from './parts.ts';
import { chain, type Element, hostElement, l1Element, l2Element, layer, layerElements } from './tableWay.ts';

type GuestSelection = Extract<Selection, { kind: 'guest' }>;

/** Extents listed here; the table of the map has all of them. */
const extentsHere = 12;

/** A range of the guest's disk, of the active layer or of a snapshot. */
export function explainGuest(context: Context, selection: GuestSelection): TemplateResult | undefined {
  if (context.image.geometry === undefined) {
    return undefined;
  }
  const { start: guest, snapshot } = selection;
  return html`
    ${ask(context, 'explainGuest', { guest, ...layer(snapshot) }, 'Reading the tables', (place) =>
      isWithin(selection, place)
        ? placeExplained(context, selection, place)
        : rangeExplained(context, selection, place),
    )}
    ${guest < context.image.geometry.virtualSize || snapshot !== undefined ? bytesHere(context, { space: 'guest', start: guest, length: selection.length, ...layer(snapshot) }) : nothing}
    ${reveal(context, selection)}
  `;
}

function isWithin({ start, length }: GuestSelection, { unit }: GuestPlace): boolean {
  return start >= unit.offset && start + length <= unit.offset + unit.length;
}

/** Bytes of one cluster or subcluster. */
function placeExplained(context: Context, selection: GuestSelection, place: GuestPlace): TemplateResult {
  const { snapshot } = selection;
  const { kind, host, l2, compressedBytes, beyondDisk } = place;
  const { image } = context;
  const words = guestWords[kind];
  const state = beyondDisk ? ' Past the end of the disk: here snapshots keep the state of the machine.' : '';
  const length = BigInt(compressedBytes ?? 0) || selection.length;
  const target = host === undefined ? undefined : hostElement(image, 'host', host, length, true);
  const view = l2 && new DataView(l2.bytes.buffer, l2.bytes.byteOffset, l2.bytes.byteLength);
  const copied = snapshot === undefined && kind !== 'compressed' ? l2?.decoded.copied === true : undefined;
  return html`
    ${head(words.label, `${words.meaning}${state}`)} ${where(context, selection, place)}
    ${kind === 'unallocated' && image.backing ? fromBelow(context, selection) : nothing}
    ${section('How it is found', chain([...wayOf(selection, place), ...(target ? [target] : [])]))}
    ${section('What it is', factsOf(place))}
    ${
      l2 === undefined || view === undefined || l2.rows.length === 0
        ? nothing
        : html`${section('L2 entry', html`<p>${text(`0x${view.getBigUint64(0).toString(16).padStart(16, '0')}`)}</p>${bitTable(l2.rows, view.getBigUint64(0), image)}`)}
          ${l2.subclusters.length === 0 ? nothing : section('Subclusters', bitTable(l2.subclusters, view.getBigUint64(8), image))}`
    }
    ${host === undefined || image.dataFile ? nothing : clusterUse(context, host, { copied })}
    ${copySection(context, selection, { ...place, place: wordsOf(selection) }, host, kind === 'data' ? selection.length : BigInt(compressedBytes ?? 0))}
  `;
}

/** What there is to say besides the kind. */
function factsOf({ subcluster, compressedBytes, l1, l2 }: GuestPlace): TemplateResult | undefined {
  const wrong = l2?.decoded.wrong ?? l1?.decoded.wrong;
  if (subcluster === undefined && compressedBytes === undefined && wrong === undefined) {
    return undefined;
  }
  return pairs([
    ['subcluster', subcluster === undefined ? undefined : `${subcluster}, of 0 to 31`],
    ['compressed', compressedBytes === undefined ? undefined : `at most ${showCount(compressedBytes)} bytes`],
    ['wrong', wrong],
  ]);
}

/** The way to the entry that tells. */
function wayOf({ snapshot }: GuestSelection, { l1, l2 }: GuestPlace): Element[] {
  return [
    ...layerElements(snapshot),
    ...(l1 ? [l1Element(l1.decoded.index, snapshot)] : [{ text: 'no L1 entry reaches it' }]),
    ...(l1 && l2 ? [l2Element(l1.decoded.index, l2.decoded.index, snapshot)] : []),
  ];
}

/** A range of several clusters or subclusters. */
function rangeExplained(context: Context, selection: GuestSelection, place: GuestPlace): TemplateResult {
  const { start: from, snapshot } = selection;
  const request = { from, count: extentsHere + 1, ...layer(snapshot) };
  return html`
    ${ask(context, 'extents', request, 'Reading the tables', (page) => {
      const inside = rowsInside(selection, page);
      const only = inside.length === 1 ? inside[0] : undefined;
      return html`
        ${head(only ? guestMapWords[only.kind].label : 'Guest range', only ? guestMapWords[only.kind].meaning : rangeWords(snapshot))}
        ${where(context, selection, only ? place : { ...place, host: undefined })}
        ${only ? section('How it is found', html`<p>${linkedText(only.chain.replaceAll('->', '→'), context.image)}</p>`) : nothing}
        ${only ? nothing : section('What is there', extentList(context, selection, inside))}
        ${copySection(context, selection, { place: wordsOf(selection), extents: inside }, only?.host, only?.kind === 'data' ? selection.length : 0n)}
      `;
    })}
  `;
}

function rangeWords(snapshot: number | undefined): string {
  return snapshot === undefined ? 'a part of the guest’s disk' : `a part of the guest’s disk in snapshot[${snapshot}]`;
}

function rowsInside({ start, length }: GuestSelection, { rows }: ExtentPage): readonly ExtentRow[] {
  return rows.filter((row) => row.start < start + length);
}

function extentList(context: Context, { snapshot }: GuestSelection, inside: readonly ExtentRow[]): TemplateResult {
  return html`<ul class="plain">
      ${inside.slice(0, extentsHere).map(
        (row) => html`<li>
          ${swatch(row.kind)}${link(showOffset(row.start), { kind: 'guest', start: row.start, length: row.length, ...layer(snapshot) })} + ${showSize(row.length)}
          <span class="quiet">${guestMapWords[row.kind].label}</span>
          ${row.host === undefined ? nothing : html`<span class="quiet">at host</span> ${hostLink(context, row.host, row.length)}`}
        </li>`,
      )}
    </ul>
    ${inside.length > extentsHere ? html`<p class="quiet">and more: the table of the map lists all extents.</p>` : nothing}`;
}

function hostLink({ image }: Context, host: bigint, length: bigint): TemplateResult {
  return link(showOffset(host), image.dataFile ? { kind: 'data-file' } : hostRange(host, length));
}

/** Both addresses, and the cluster. */
function where(
  context: Context,
  { start, length, snapshot }: GuestSelection,
  { host, compressedBytes }: { readonly host?: bigint | undefined; readonly compressedBytes?: number },
): TemplateResult {
  const size = BigInt(context.image.geometry?.clusterSize ?? 1);
  const cluster = start / size;
  const whole = { kind: 'guest', start: cluster * size, length: size, ...layer(snapshot) } as const;
  const isWhole = start === whole.start && length === size;
  const hostLength = compressedBytes === undefined ? length : BigInt(compressedBytes);
  return html`${section(
    'Where',
    pairs([
      ['guest', html`<span class="number">${showOffset(start)}</span>`],
      ['length', html`<span class="number">${showSize(length)}</span>`],
      ['cluster', isWhole ? html`<span class="number">${showCount(cluster)}</span>` : link(showCount(cluster), whole)],
      [
        'host',
        host === undefined ? undefined : html`${hostLink(context, host, hostLength)}${inHost(context, host, size)}`,
      ],
      [
        'layer',
        snapshot === undefined ? undefined : link(`snapshot[${snapshot}]`, { kind: 'snapshot', index: snapshot }),
      ],
    ]),
  )}`;
}

function inHost({ image }: Context, host: bigint, size: bigint): TemplateResult {
  return html` <span class="quiet">${image.dataFile ? 'in the data file' : `cluster ${showCount(host / size)}`}</span>`;
}

function copySection(
  { image, path }: Context,
  selection: GuestSelection,
  json: unknown,
  host: bigint | undefined,
  hostLength: bigint,
): TemplateResult {
  const { start, length, snapshot } = selection;
  const inFile = host !== undefined && image.dataFile === undefined;
  const commands: Copyable[] = [
    ...(snapshot === undefined ? guestCommands(image, path, start, length) : []),
    ...(inFile && hostLength > 0n ? [hostBytesCommand(path, host, hostLength)] : []),
  ];
  return html`${section(
    'Copy',
    copyButtons([
      ['Guest offset', String(start)],
      ['Offset in hex', `0x${start.toString(16)}`],
      ['Length', String(length)],
      ...(host === undefined ? [] : [['Host offset', String(host)] as const]),
      ['Place', wordsOf(selection)],
      ['JSON', toJson(json)],
      ...commands,
    ]),
  )}`;
}
