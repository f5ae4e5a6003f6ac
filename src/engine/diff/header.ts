import { hexDigits } from '../dump/jsonText.ts';
import type { Extension } from '../format/extensions.ts';
import { decodeText } from '../format/text.ts';
import { describe } from '../image/describe.ts';
import type { FieldRow, ImageDescription } from '../image/description.ts';
import type { Image } from '../image/image.ts';
import { type DifferenceSection, type DifferenceVisitor, oneValue, pairByKey, type Side } from './difference.ts';

/** Compares the header, its extensions, the names in it, and the LUKS header. Key material is not looked at. */
export async function compareHeaders(a: Image, b: Image, visit: DifferenceVisitor): Promise<void> {
  const [left, right] = [await describe(a), await describe(b)];
  compareValue('file', 'size', a.file.size, b.file.size, visit);
  compareValue('file', 'kind', a.file.says, b.file.says, visit);
  compareFields('header', '', left.header?.fields ?? [], right.header?.fields ?? [], visit);
  compareBytes('header', 'padding', a.header?.padding, b.header?.padding, visit);
  compareBytes('header', 'unknown fields', a.header?.unknownFields, b.header?.unknownFields, visit);
  compareBytes('header', 'backing file name', a.backing?.nameBytes, b.backing?.nameBytes, visit, true);
  compareFeatures(left, right, visit);
  compareExtensions(a.extensions, b.extensions, visit);
  compareLuks(left, right, visit);
}

/** Tells of the fields, by name, that have not the same value, or are not in both. */
export function compareFields(
  section: DifferenceSection,
  of: string,
  a: readonly FieldRow[],
  b: readonly FieldRow[],
  visit: DifferenceVisitor,
): void {
  const present = (rows: readonly FieldRow[]): FieldRow[] => rows.filter((row) => row.present);
  for (const pair of pairByKey(present(a), present(b), ({ name }) => name)) {
    if (pair.a?.value !== pair.b?.value) {
      const place = `${of}${(pair.a ?? pair.b)?.name}`;
      visit({
        section,
        place,
        ...(pair.a ? { a: fieldSide(pair.a) } : {}),
        ...(pair.b ? { b: fieldSide(pair.b) } : {}),
      });
    }
  }
}

function fieldSide({ value, shown, meaning }: FieldRow): Side {
  return { text: meaning === '' ? shown : `${shown} (${meaning})`, values: { value } };
}

/** Tells of bytes that are not the same. `text`: they are a name. */
export function compareBytes(
  section: DifferenceSection,
  place: string,
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
  visit: DifferenceVisitor,
  text = false,
): void {
  const side = (bytes: Uint8Array): Side => {
    const hex = hexDigits(bytes);
    const shown = bytes.length > 32 ? `${hex.slice(0, 64)}… (${bytes.length} bytes)` : hex;
    return { text: text ? decodeText(bytes) : shown, values: { bytes: hex } };
  };
  if ((a && hexDigits(a)) !== (b && hexDigits(b))) {
    visit({ section, place, ...(a ? { a: side(a) } : {}), ...(b ? { b: side(b) } : {}) });
  }
}

function compareValue<T extends string | bigint>(
  section: DifferenceSection,
  place: string,
  a: T,
  b: T,
  visit: DifferenceVisitor,
): void {
  if (a !== b) {
    visit({ section, place, a: oneValue(a), b: oneValue(b) });
  }
}

function compareFeatures(a: ImageDescription, b: ImageDescription, visit: DifferenceVisitor): void {
  const bits = ({ header }: ImageDescription) =>
    (header?.features ?? []).flatMap(({ name: mask, bits: list }) =>
      list.filter(({ set }) => set).map(({ bit, name }) => ({ mask, bit, name })),
    );
  for (const { a: left, b: right } of pairByKey(bits(a), bits(b), ({ mask, bit }) => `${mask} ${bit}`)) {
    const feature = left ?? right;
    if (feature && !(left && right)) {
      const side = (set: boolean): Side => ({ text: set ? 'set' : 'not set', values: { set } });
      const place = `${feature.mask} bit ${feature.bit} (${feature.name})`;
      visit({ section: 'features', place, a: side(left !== undefined), b: side(right !== undefined) });
    }
  }
}

function compareExtensions(a: readonly Extension[], b: readonly Extension[], visit: DifferenceVisitor): void {
  for (const { a: left, b: right } of pairByKey(a, b, ({ type }) => String(type))) {
    const type = (left ?? right)?.type ?? 0;
    compareBytes('extensions', `0x${type.toString(16).padStart(8, '0')}`, left?.data, right?.data, visit);
  }
  const order = (list: readonly Extension[]): string => list.map(({ type }) => type.toString(16)).join(' ');
  const sorted = (list: readonly Extension[]): string => order([...list].sort((one, other) => one.type - other.type));
  if (order(a) !== order(b) && sorted(a) === sorted(b)) {
    visit({ section: 'extensions', place: 'order', a: oneValue(order(a)), b: oneValue(order(b)) });
  }
}

function compareLuks(a: ImageDescription, b: ImageDescription, visit: DifferenceVisitor): void {
  const [left, right] = [a.encryption?.luks, b.encryption?.luks];
  for (const pair of pairByKey(left?.rows ?? [], right?.rows ?? [], ({ name }) => name)) {
    compareBytes('luks', (pair.a ?? pair.b)?.name ?? '', pair.a?.bytes, pair.b?.bytes, visit);
  }
  for (const pair of pairByKey(left?.slots ?? [], right?.slots ?? [], ({ index }) => String(index))) {
    const of = `key slot ${(pair.a ?? pair.b)?.index}: `;
    compareFields('luks', of, pair.a?.fields ?? [], pair.b?.fields ?? [], visit);
    compareBytes('luks', `${of}salt`, pair.a?.salt, pair.b?.salt, visit);
  }
}
