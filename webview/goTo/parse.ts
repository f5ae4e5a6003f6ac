import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Image } from '../description.ts';
import type { Selection } from '../selection.ts';
import { wordsOf } from '../words.ts';
import { parseAmount } from './amount.ts';
import { type Limits, limitsOf } from './limits.ts';
import { namedDestinations } from './names.ts';

/** Something that a text can mean. */
export interface Destination {
  readonly selection: Selection;
  /** What would be selected, in words of the spec. */
  readonly title: string;
  /** More about it. */
  readonly note: string;
}

/** What a text means: destinations, the likeliest first, or what is wrong with it. Empty text has neither. */
export interface Meaning {
  readonly destinations: readonly Destination[];
  readonly problem?: string;
}

/** What can be typed, for a person. */
export const goToExamples =
  '0x3_0000, 1.5G or 123456 (guest offset unless “host” is before it), cluster 12, host cluster 12, L1[3], L2[3][17], refcount[12], or the name of a snapshot, bitmap, header field or feature';

/**
 * What a text means in an image. An offset without `guest` or `host` before it is a guest offset first. `found`: more
 * that has such a name, past the ends of the image's lists.
 */
export function meaningOf(text: string, image: Image, found: readonly Destination[] = []): Meaning {
  const words = text.trim();
  if (words === '') {
    return { destinations: [] };
  }
  const named = [...namedDestinations(words, image), ...found];
  const [, layer, rest = words] = /^snapshot\s*\[(\d+)\]\s*(?:->|→|\.|:)?\s*(\S.*)$/is.exec(words) ?? [];
  const snapshot = layer === undefined ? undefined : Number(layer);
  const limits = limitsOf(image, snapshot);
  if (limits === undefined) {
    return { destinations: named, ...(named.length === 0 ? { problem: noSuchSnapshot(image, layer) } : {}) };
  }
  const place = readPlace(rest, { limits, layer: snapshot === undefined ? {} : { snapshot } });
  const destinations = [...(place?.destinations ?? []), ...named];
  if (destinations.length > 0) {
    return { destinations };
  }
  return {
    destinations,
    problem: place?.problem ?? `“${words}” is nothing that can be gone to. Type ${goToExamples}.`,
  };
}

function noSuchSnapshot({ snapshots }: Image, index: string | undefined): string {
  const length = snapshots.count ?? snapshots.items.length;
  return `There is no snapshot[${index}]: the image has ${length === 0 ? 'none' : `snapshot[0] to [${length - 1}]`}.`;
}

/** What places are read with: the layer's limits, and the layer for the selection. */
interface Where {
  readonly limits: Limits;
  readonly layer: { readonly snapshot?: number };
}

/** Reads a place by its form; undefined when it has the form of none. */
function readPlace(text: string, where: Where): Meaning | undefined {
  const number = String.raw`\s*(0x[\da-f][\da-f_]*|\d[\d_]*)\s*`;
  const arrow = String.raw`\s*(?:->|→)?\s*`;
  const match = (pattern: string): RegExpExecArray | null => new RegExp(`^${pattern}$`, 'is').exec(text);
  const l2 =
    match(`L2${arrow}\\[${number}\\]${arrow}\\[${number}\\]`) ??
    match(`L1\\s*\\[${number}\\]${arrow}L2\\s*\\[${number}\\]`);
  if (l2) {
    return l2Place(l2[1] ?? '', l2[2] ?? '', where);
  }
  const l1 = match(`L1\\s*\\[${number}\\]`);
  if (l1) {
    return l1Place(l1[1] ?? '', where);
  }
  const block = match(`refcount[_ ]?(?:table|block)?\\s*\\[${number}\\]${arrow}(?:refcount\\s*)?\\[${number}\\]`);
  if (block) {
    return refcountPlace(block[1] ?? '', block[2] ?? '', where);
  }
  const table = match(`refcount[_ ]?table\\s*\\[${number}\\]`);
  if (table) {
    return refcountTablePlace(table[1] ?? '', where);
  }
  const refcount = match(`refcount\\s*\\[${number}\\]`);
  if (refcount) {
    return refcountOfCluster(refcount[1] ?? '', where);
  }
  const cluster = match(String.raw`(guest\s+|host\s+)?cluster${number}`);
  if (cluster) {
    return clusterPlace(cluster[1]?.trim().toLowerCase() === 'host' ? 'host' : 'guest', cluster[2] ?? '', where);
  }
  return offsetPlace(text, where);
}

function l1Place(text: string, { limits, layer }: Where): Meaning {
  const index = indexIn(text, limits.l1Entries, 'The L1 table');
  return typeof index === 'string' ? failed(index) : found({ kind: 'l1-entry', index, ...layer }, 'an L1 entry');
}

function l2Place(l1Text: string, text: string, { limits, layer }: Where): Meaning {
  const l1 = indexIn(l1Text, limits.l1Entries, 'The L1 table');
  const index = indexIn(text, limits.l2Entries, 'An L2 table');
  return typeof l1 === 'string' || typeof index === 'string'
    ? failed(typeof l1 === 'string' ? l1 : String(index))
    : found({ kind: 'l2-entry', l1, index, ...layer }, 'an L2 entry');
}

function refcountTablePlace(text: string, { limits }: Where): Meaning {
  const index = indexIn(text, limits.refcountTableEntries, 'The refcount table');
  return typeof index === 'string'
    ? failed(index)
    : found({ kind: 'refcount-table-entry', index }, 'an entry of the refcount table');
}

function refcountPlace(blockText: string, text: string, { limits }: Where): Meaning {
  const block = indexIn(blockText, limits.refcountTableEntries, 'The refcount table');
  const index = indexIn(text, limits.blockEntries, 'A refcount block');
  return typeof block === 'string' || typeof index === 'string'
    ? failed(typeof block === 'string' ? block : String(index))
    : found({ kind: 'refcount-entry', block, index }, refcountNote(block * limits.blockEntries + index));
}

function refcountOfCluster(text: string, { limits }: Where): Meaning {
  const cluster = indexIn(text, limits.refcountTableEntries * limits.blockEntries, 'The refcount table', 'cluster');
  if (typeof cluster === 'string') {
    return failed(cluster);
  }
  const index = cluster % limits.blockEntries;
  const block = (cluster - index) / limits.blockEntries;
  return found({ kind: 'refcount-entry', block, index }, refcountNote(cluster));
}

function refcountNote(cluster: number): string {
  return `the refcount of host cluster ${showCount(cluster)}`;
}

/** An index below `count`, or what is wrong with it. */
function indexIn(text: string, count: number, table: string, what = 'entry'): number | string {
  const index = BigInt(text.replaceAll('_', ''));
  if (index < BigInt(count)) {
    return Number(index);
  }
  const many = what === 'entry' ? 'entries' : `${what}s`;
  const has = count === 0 ? `has no ${many}` : `has ${showCount(count)} ${many}: 0 to ${showCount(count - 1)}`;
  return `There is no ${what} ${showCount(index)}. ${table} ${has}.`;
}

function clusterPlace(space: 'guest' | 'host', text: string, { limits, layer }: Where): Meaning {
  const { clusterSize } = limits;
  const size = space === 'guest' ? limits.guestSize : limits.hostSize;
  if (clusterSize === undefined || size === undefined) {
    return failed(
      'The header does not say how large a cluster is: go to an offset of the file, such as host 0x3_0000.',
    );
  }
  const cluster = BigInt(text.replaceAll('_', ''));
  const start = cluster * clusterSize;
  if (start >= size) {
    const last = (size + clusterSize - 1n) / clusterSize - 1n;
    const has = size === 0n ? 'no clusters' : `the clusters 0 to ${showCount(last)}`;
    return failed(`There is no ${space} cluster ${showCount(cluster)}. The ${spaceNames[space]} has ${has}.`);
  }
  const length = start + clusterSize > size ? size - start : clusterSize;
  const note = `cluster ${showCount(cluster)}, ${showSize(length)}`;
  return found(space === 'host' ? { kind: 'host', start, length } : { kind: 'guest', start, length, ...layer }, note);
}

const spaceNames = { guest: 'disk', host: 'file' } as const;

/** An offset, perhaps with a length: in the space that is named, else in both, where it exists. */
function offsetPlace(text: string, where: Where): Meaning | undefined {
  const [, space, start = '', length] =
    /^(?:(guest|host)\b\s*(?:offset\b)?\s*[:=]?\s*)?(\d[^+]*?)\s*(?:\+\s*(\S.*))?$/is.exec(text) ?? [];
  if (start === '') {
    return undefined;
  }
  const from = parseAmount(start);
  const over = length === undefined ? { bytes: 1n } : parseAmount(length);
  if ('problem' in from || 'problem' in over) {
    return failed('problem' in from ? from.problem : 'problem' in over ? over.problem : '');
  }
  const spaces = (['guest', 'host'] as const).filter((one) => space === undefined || one === space.toLowerCase());
  const read = spaces.map((one) => rangePlace(one, from.bytes, over.bytes, where));
  const destinations = read.flatMap((one) => one.destinations);
  const problem = read.flatMap((one) => one.problem ?? []).join(' ');
  return destinations.length > 0 ? { destinations } : failed(problem);
}

function rangePlace(space: 'guest' | 'host', start: bigint, length: bigint, { limits, layer }: Where): Meaning {
  const size = space === 'guest' ? limits.guestSize : limits.hostSize;
  if (size === undefined) {
    return failed('The header does not say how large the disk is.');
  }
  if (length === 0n) {
    return failed('A range has at least one byte.');
  }
  if (start + length > size) {
    const what = length === 1n ? showOffset(start) : `${showOffset(start)} + ${showSize(length)}`;
    const end = `${showOffset(size)} (${showSize(size)})`;
    return failed(`${space} ${what} is past the end of the ${spaceNames[space]}, which is at ${end}.`);
  }
  const { clusterSize } = limits;
  const cluster = clusterSize === undefined ? '' : `, in cluster ${showCount(start / clusterSize)}`;
  const note = `${showSize(start)} from the start of the ${spaceNames[space]}${cluster}`;
  return found(space === 'host' ? { kind: 'host', start, length } : { kind: 'guest', start, length, ...layer }, note);
}

function found(selection: Selection, note: string): Meaning {
  return { destinations: [{ selection, title: wordsOf(selection), note }] };
}

function failed(problem: string): Meaning {
  return { destinations: [], problem };
}
