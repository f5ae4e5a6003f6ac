import { paddingOffset } from '../format/header.ts';
import { describe } from '../image/describe.ts';
import type { FieldRow, ImageDescription } from '../image/description.ts';
import type { Image } from '../image/image.ts';
import { type Scan, scan } from '../image/scan.ts';
import { noProgress } from '../ports.ts';
import { hexDigits } from './jsonText.ts';

/** What is dumped. */
export interface Dump {
  /** As given. */
  readonly path: string;
  readonly image: Image;
  readonly description: ImageDescription;
  /** With the tables: what the walk over all entries has found. The tables themselves are read as they are written. */
  readonly scan?: Scan;
}

/** Reads what is dumped of an image; with `tables`, every entry is looked at. */
export async function readDump(path: string, image: Image, tables: boolean): Promise<Dump> {
  const description = withPadding(await describe(image), image);
  const scanned = tables && image.geometry ? await scan(image, noProgress) : undefined;
  return { path, image, description, ...(scanned ? { scan: scanned } : {}) };
}

/** The header's fields with the padding after them, which has to be zero. */
function withPadding(description: ImageDescription, { header }: Image): ImageDescription {
  if (!header || !description.header || header.padding.length === 0) {
    return description;
  }
  const { padding: bytes } = header;
  const row: FieldRow = {
    name: 'padding',
    offset: paddingOffset,
    size: bytes.length,
    present: true,
    bytes,
    value: BigInt(`0x${hexDigits(bytes)}`),
    shown: '0x',
    meaning: '',
    about: 'Fills the header up to a multiple of 8 bytes.',
    rules: [{ text: 'zero', kept: bytes.every((byte) => byte === 0) }],
  };
  return { ...description, header: { ...description.header, fields: [...description.header.fields, row] } };
}
