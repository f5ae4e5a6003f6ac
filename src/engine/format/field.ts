/**
 * Field tables: a structure on disk is declared once, as a list of fields, and decoded, encoded, explained and listed
 * from that. All numbers on disk are big endian.
 */

/** How a field's value is shown. */
export type FieldKind =
  | 'magic'
  | 'number'
  | 'count'
  | 'bytes'
  | 'bits'
  | 'host-offset'
  | 'guest-size'
  | 'enum'
  | 'time';

/** One field of a structure. */
export interface Field {
  /** The spec's name. */
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Bytes: 8 decodes to bigint, less to number. */
  readonly width: 1 | 2 | 4 | 8;
  readonly kind: FieldKind;
  /** What it is, in a sentence for a person. */
  readonly meaning: string;
  /** The header version that brought it (2 when left out). */
  readonly since?: 2 | 3;
}

/** The values of a table's fields by name. */
export type Decoded<T extends readonly Field[]> = {
  -readonly [F in T[number] as F['name']]: F['width'] extends 8 ? bigint : number;
};

/** Bytes from the start of the structure to the end of its last field. */
export function sizeOf(table: readonly Field[]): number {
  return table.reduce((end, field) => Math.max(end, field.offset + field.width), 0);
}

/**
 * Decodes a structure that starts at byte `base` of `bytes`. What lies past the end of `bytes` reads as zeros: for a
 * header field, absent is the same as zero (spec, "Additional fields"), and past the end of a file QEMU reads zeros.
 */
export function decodeFields<const T extends readonly Field[]>(table: T, bytes: Uint8Array, base = 0): Decoded<T> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Record<string, number | bigint> = {};
  for (const field of table) {
    const at = base + field.offset;
    const whole = at + field.width <= bytes.length;
    values[field.name] = whole ? readField(view, at, field.width) : readCut(bytes.subarray(at), field.width);
  }
  return values as Decoded<T>;
}

function readCut(bytes: Uint8Array, width: Field['width']): number | bigint {
  const padded = new Uint8Array(width);
  padded.set(bytes);
  return readField(new DataView(padded.buffer), 0, width);
}

/** Writes the fields of a structure that starts at byte `base` of `into`, which must be large enough. */
export function encodeFields<const T extends readonly Field[]>(
  table: T,
  values: Decoded<T>,
  into: Uint8Array,
  base = 0,
): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  const byName: Readonly<Record<string, number | bigint | undefined>> = values;
  for (const field of table) {
    writeField(view, base + field.offset, field.width, byName[field.name] ?? 0);
  }
}

function readField(view: DataView, at: number, width: Field['width']): number | bigint {
  switch (width) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at);
    case 4:
      return view.getUint32(at);
    case 8:
      return view.getBigUint64(at);
  }
}

function writeField(view: DataView, at: number, width: Field['width'], value: number | bigint): void {
  switch (width) {
    case 1:
      view.setUint8(at, Number(value));
      break;
    case 2:
      view.setUint16(at, Number(value));
      break;
    case 4:
      view.setUint32(at, Number(value));
      break;
    case 8:
      view.setBigUint64(at, BigInt(value));
      break;
  }
}
