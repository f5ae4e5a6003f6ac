import { nameRank, noRank } from '../../src/protocol/nameRank.ts';
import type { FoundNames } from '../../src/protocol/placeApi.ts';
import type { Image } from '../description.ts';
import type { Selection } from '../selection.ts';
import { wordsOf } from '../words.ts';
import type { Destination } from './parse.ts';

/** Something with names. */
interface Named {
  readonly selection: Selection;
  readonly names: readonly string[];
  readonly note: string;
}

/** What has a name that a text is, starts, or is a part of; in this order. Case does not matter. */
export function namedDestinations(text: string, image: Image): Destination[] {
  const ranked: Destination[][] = Array.from({ length: noRank }, () => []);
  for (const { selection, names, note } of namedThings(image)) {
    ranked[nameRank(names, text)]?.push(destination(selection, names[0] ?? '', note));
  }
  return ranked.flat();
}

/** Names that were found in the tables, but for those that the image's own lists have. */
export function foundDestinations(found: FoundNames | undefined, { snapshots, bitmaps }: Image): Destination[] {
  const more = found?.snapshots.filter(({ index }) => index >= snapshots.items.length) ?? [];
  const others = found?.bitmaps.filter(({ index }) => index >= bitmaps.items.length) ?? [];
  return [
    ...more.map(({ index, id, name }) => destination({ kind: 'snapshot', index }, name, `snapshot ${id}`)),
    ...others.map(({ index, name }) => destination({ kind: 'bitmap', index }, name, 'bitmap')),
  ];
}

function destination(selection: Selection, name: string, note: string): Destination {
  return { selection, title: name || wordsOf(selection), note };
}

function* namedThings(image: Image): Iterable<Named> {
  for (const [index, { name, id }] of image.snapshots.items.entries()) {
    const selection = { kind: 'snapshot', index } as const;
    yield { selection, names: [name, id, wordsOf(selection)], note: `snapshot ${id}` };
  }
  for (const [index, { name }] of image.bitmaps.items.entries()) {
    const selection = { kind: 'bitmap', index } as const;
    yield { selection, names: [name, wordsOf(selection)], note: 'bitmap' };
  }
  for (const { name } of image.header?.fields ?? []) {
    yield { selection: { kind: 'field', name }, names: [name, `header.${name}`], note: 'header field' };
  }
  if (image.header?.unknownFields) {
    yield { selection: { kind: 'unknown-fields' }, names: ['unknown header fields'], note: '' };
  }
  for (const mask of image.header?.features ?? []) {
    for (const { bit, name, imageName } of mask.bits) {
      const selection = { kind: 'bit', mask: mask.name, bit } as const;
      const words = wordsOf(selection);
      const names = [name, imageName ?? '', words].filter((one) => one !== '');
      yield { selection, names, note: `feature, ${words}` };
    }
  }
  for (const [index, { name }] of image.extensions.entries()) {
    const selection = { kind: 'extension', index } as const;
    yield { selection, names: [name, wordsOf(selection)], note: 'header extension' };
  }
  yield* structures(image);
}

function* structures({ backing, dataFile, encryption }: Image): Iterable<Named> {
  if (backing) {
    yield { selection: { kind: 'backing' }, names: ['backing file', backing.name], note: backing.name };
  }
  if (dataFile) {
    const name = dataFile.name ?? '';
    yield { selection: { kind: 'data-file' }, names: ['data file', 'external data file', name], note: name };
  }
  if (encryption) {
    yield { selection: { kind: 'encryption' }, names: ['encryption', encryption.method], note: encryption.method };
    for (const { index } of encryption.slots) {
      const selection = { kind: 'key-slot', index } as const;
      yield { selection, names: [wordsOf(selection), `key slot [${index}]`], note: 'of the LUKS header' };
    }
  }
}
