import {
  bitmapsFields,
  cryptoFields,
  type Extension,
  extensionTypes,
  featureMaskNames,
  featureNameBytes,
} from './extensions.ts';
import { type FieldRow, fieldRows } from './rows.ts';
import { showCount, showOffset, showSize } from './show.ts';
import { decodeCText } from './text.ts';

/** One header extension, in the file's order. */
export interface ExtensionDescription {
  /** Host offset of its type field. */
  readonly offset: number;
  readonly type: number;
  /** `backing format`, `feature names`, … or `unknown`. */
  readonly name: string;
  readonly known: boolean;
  /** Bytes of its data, as its length field says. */
  readonly length: number;
  readonly data: Uint8Array;
  /** The decoded content in words. */
  readonly content: string;
  /** The decoded fields, where it has some. */
  readonly fields: readonly FieldRow[];
}

/** Names of the known extensions, by type. */
const extensionNames: ReadonlyMap<number, string> = new Map([
  [extensionTypes.backingFormat, 'backing format'],
  [extensionTypes.featureNames, 'feature names'],
  [extensionTypes.bitmaps, 'bitmaps'],
  [extensionTypes.crypto, 'encryption header'],
  [extensionTypes.dataFile, 'external data file'],
]);

/** The extensions as they are shown. */
export function extensionDescriptions(extensions: readonly Extension[]): ExtensionDescription[] {
  return extensions.map((extension) => {
    const { offset, type, length, data } = extension;
    const name = extensionNames.get(type);
    const fields = rowsOf(extension);
    const content = contentOf(extension, fields);
    return { offset, type, name: name ?? 'unknown', known: name !== undefined, length, data, content, fields };
  });
}

function rowsOf({ type, data }: Extension): FieldRow[] {
  switch (type) {
    case extensionTypes.bitmaps:
      return fieldRows(bitmapsFields, { bytes: data });
    case extensionTypes.crypto:
      return fieldRows(cryptoFields, { bytes: data });
    default:
      return [];
  }
}

function contentOf({ type, data }: Extension, fields: readonly FieldRow[]): string {
  const value = (name: string): number | bigint => fields.find((field) => field.name === name)?.value ?? 0;
  switch (type) {
    case extensionTypes.backingFormat:
    case extensionTypes.dataFile:
      return decodeCText(data);
    case extensionTypes.featureNames:
      return featureContent(data);
    case extensionTypes.bitmaps: {
      const place = `${showSize(value('bitmap_directory_size'))} at ${showOffset(value('bitmap_directory_offset'))}`;
      return `${showCount(value('nb_bitmaps'))} bitmaps, directory of ${place}`;
    }
    case extensionTypes.crypto:
      return `LUKS header of ${showSize(value('length'))} at ${showOffset(value('offset'))}`;
    default:
      return '';
  }
}

/** The feature name table in words: `incompatible 0: dirty bit, …`. */
function featureContent(data: Uint8Array): string {
  const names: string[] = [];
  for (let at = 0; at + featureNameBytes <= data.length; at += featureNameBytes) {
    const [type = 0, bit = 0] = data.subarray(at, at + 2);
    names.push(
      `${featureMaskNames[type] ?? `mask ${type}`} ${bit}: ${decodeCText(data.subarray(at + 2, at + featureNameBytes))}`,
    );
  }
  return names.join(', ');
}
