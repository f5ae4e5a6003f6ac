import {
  bitmapsFields,
  cryptoFields,
  type Extension,
  extensionHeadBytes,
  extensionTypes,
  featureNameBytes,
} from '../format/extensions.ts';
import { headerFields, paddingOffset } from '../format/header.ts';
import { luksFields, luksKeyMaterial, luksSlotFields, luksTexts } from '../format/luks.ts';
import type { Image } from './image.ts';

/** Kinds of structures, as the map of the file has them. */
export type StructureKind =
  | 'header'
  | 'l1-table'
  | 'l2-table'
  | 'refcount-table'
  | 'refcount-block'
  | 'snapshot-table'
  | 'bitmap'
  | 'luks';

/** What a part of a structure is, so that it can be selected. */
export type StructurePart =
  | { readonly part: 'field'; readonly name: string }
  | { readonly part: 'unknown-fields' }
  | { readonly part: 'extension'; readonly index: number }
  | { readonly part: 'backing' }
  | { readonly part: 'l1-entry'; readonly snapshot?: number }
  | { readonly part: 'l2-entry'; readonly l1: number; readonly snapshot?: number }
  | { readonly part: 'refcount-table-entry' }
  | { readonly part: 'refcount-entry'; readonly block: number }
  | { readonly part: 'snapshot'; readonly index: number }
  | { readonly part: 'bitmap'; readonly index: number }
  | { readonly part: 'key-slot'; readonly index: number }
  | { readonly part: 'encryption' };

/** A part of the file that belongs to a structure, with its name in words of the spec. */
export interface StructureSpan {
  /** Host offset in bytes. */
  readonly start: bigint;
  /** Bytes. */
  readonly length: bigint;
  readonly kind: StructureKind;
  /** `header.l1_table_offset`; of a table, its name, such as `L1`. */
  readonly name: string;
  readonly part?: StructurePart;
  /** Of a table: bits an entry. The first entry has index 0. */
  readonly entryBits?: number;
}

/** The structures whose places opening tells, the most exact ones first. */
export function openingSpans(image: Image): StructureSpan[] {
  const { header, geometry, l1, backing } = image;
  if (!header) {
    return [];
  }
  const spans = [...headerSpans(image), ...image.extensions.flatMap(extensionSpans), ...luksSpans(image)];
  if (backing) {
    spans.push({
      start: backing.offset,
      length: BigInt(backing.nameBytes.length),
      kind: 'header',
      name: 'backing file name',
      part: { part: 'backing' },
    });
  }
  if (geometry) {
    const size = BigInt(geometry.clusterSize);
    spans.push(
      {
        start: l1.offset,
        length: BigInt(l1.entries) * 8n,
        kind: 'l1-table',
        name: 'L1',
        part: { part: 'l1-entry' },
        entryBits: 64,
      },
      {
        start: header.refcount_table_offset,
        length: BigInt(header.refcount_table_clusters) * size,
        kind: 'refcount-table',
        name: 'refcount_table',
        part: { part: 'refcount-table-entry' },
        entryBits: 64,
      },
      { start: 0n, length: size, kind: 'header', name: 'header cluster, not used' },
    );
  }
  return spans.filter(({ length }) => length > 0n);
}

/** The spans of fields of a structure that starts at host offset `base`. */
export function fieldSpans(
  fields: readonly { readonly name: string; readonly offset: number; readonly width: number }[],
  base: bigint,
  of: { readonly kind: StructureKind; readonly name: string; readonly part: StructurePart },
): StructureSpan[] {
  return fields.map(({ name, offset, width }) => ({
    start: base + BigInt(offset),
    length: BigInt(width),
    kind: of.kind,
    name: `${of.name}.${name}`,
    part: of.part,
  }));
}

function headerSpans({ header }: Image): StructureSpan[] {
  if (!header) {
    return [];
  }
  const { headerLength, knownLength, unknownFields } = header;
  const spans: StructureSpan[] = headerFields
    .filter(({ offset, width }) => offset + width <= headerLength)
    .map(({ name, offset, width }) => ({
      start: BigInt(offset),
      length: BigInt(width),
      kind: 'header',
      name: `header.${name}`,
      part: { part: 'field', name },
    }));
  spans.push(
    {
      start: BigInt(paddingOffset),
      length: BigInt(Math.max(0, knownLength - paddingOffset)),
      kind: 'header',
      name: 'header padding',
    },
    {
      start: BigInt(knownLength),
      length: BigInt(unknownFields.length),
      kind: 'header',
      name: 'unknown header fields',
      part: { part: 'unknown-fields' },
    },
  );
  return spans;
}

function extensionSpans({ offset, type, length }: Extension, index: number): StructureSpan[] {
  const part = { part: 'extension', index } as const;
  const name = `extension[${index}]`;
  const data = BigInt(offset + extensionHeadBytes);
  const of = { kind: 'header', name, part } as const;
  const spans = fieldSpans(
    [
      { name: 'type', offset: 0, width: 4 },
      { name: 'length', offset: 4, width: 4 },
    ],
    BigInt(offset),
    of,
  );
  if (type === extensionTypes.bitmaps || type === extensionTypes.crypto) {
    const fields = type === extensionTypes.bitmaps ? bitmapsFields : cryptoFields;
    spans.push(
      ...fieldSpans(
        fields.filter((field) => field.offset + field.width <= length),
        data,
        of,
      ),
    );
  } else if (type === extensionTypes.featureNames) {
    const names = Math.floor(length / featureNameBytes);
    spans.push({
      start: data,
      length: BigInt(names * featureNameBytes),
      kind: 'header',
      name: `${name}.name`,
      part,
      entryBits: featureNameBytes * 8,
    });
  }
  spans.push({ start: data, length: BigInt(length), kind: 'header', name: `${name}.data`, part });
  const padding = BigInt(Math.ceil(length / 8) * 8 - length);
  spans.push({ start: data + BigInt(length), length: padding, kind: 'header', name: `${name} padding`, part });
  return spans;
}

function luksSpans({ luks, luksArea }: Image): StructureSpan[] {
  if (!luksArea) {
    return [];
  }
  const { offset, length } = luksArea;
  const part = { part: 'encryption' } as const;
  const of = { kind: 'luks', name: 'LUKS', part } as const;
  const spans: StructureSpan[] = [];
  if (luks) {
    const texts = luksTexts.map((text) => ({ ...text, width: text.length }));
    spans.push(...fieldSpans(luksFields, offset, of), ...fieldSpans(texts, offset, of));
    for (const slot of luks.slots) {
      const own = {
        kind: 'luks',
        name: `LUKS slot[${slot.index}]`,
        part: { part: 'key-slot', index: slot.index },
      } as const;
      const salt = { name: 'salt', offset: 8, width: slot.salt.length };
      spans.push(...fieldSpans([...luksSlotFields, salt], offset + BigInt(slot.offset), own));
      const material = luksKeyMaterial(luks, slot);
      spans.push({
        ...own,
        start: offset + material.offset,
        length: material.length,
        name: `${own.name} key material`,
      });
    }
  }
  spans.push({ start: offset, length, ...of, name: 'LUKS area' });
  return spans;
}
