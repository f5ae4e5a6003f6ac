import { decodeFields, type Field, type FieldKind } from './field.ts';
import { showCount, showOffset, showSize } from './show.ts';

/** One row of a structure. */
export interface FieldRow {
  readonly name: string;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** False where the header is too short to have the field (version 2, or a small `header_length`): it counts as zero. */
  readonly present: boolean;
  readonly bytes: Uint8Array;
  /** Exact. */
  readonly value: bigint | number;
  /** The value as shown: `0x3_0000`, `1 099 511 627 776`, `16`. */
  readonly shown: string;
  /** What this value means here: `cluster 3`, `64 KiB clusters`, `1 TiB`. May be empty. */
  readonly meaning: string;
  /** What the field is, whatever its value. */
  readonly about: string;
  /** The rules that it must keep, and whether it does. */
  readonly rules: readonly { readonly text: string; readonly kept: boolean }[];
}

/** What a value means in its structure, and the rules that it must keep. */
export interface Explanation {
  readonly meaning?: string;
  readonly rules?: FieldRow['rules'];
}

/** What rows are made from besides the field table. */
export interface RowSource {
  /** The structure's bytes. */
  readonly bytes: Uint8Array;
  /** Byte in `bytes` at which it starts; 0 when left out. */
  readonly base?: number;
  /** Fields from this byte of the structure on are not there; without it, those past the end of `bytes`. */
  readonly length?: number;
  /** Values that fields which are not there have by the spec, where that is not zero. */
  readonly assumed?: Readonly<Record<string, number | bigint>>;
  /** What there is to say about a field's value beyond its kind. */
  readonly explain?: (name: string, value: number | bigint) => Explanation;
}

/** The fields of a structure as rows. */
export function fieldRows(table: readonly Field[], source: RowSource): FieldRow[] {
  const { bytes, base = 0, assumed = {}, explain } = source;
  const length = source.length ?? bytes.length - base;
  const values: Readonly<Record<string, number | bigint>> = decodeFields(table, bytes.subarray(base, base + length));
  return table.map((field) => {
    const present = field.offset < length;
    const value = (present ? undefined : assumed[field.name]) ?? values[field.name] ?? 0;
    const { meaning, rules = [] } = explain?.(field.name, value) ?? {};
    return {
      name: field.name,
      offset: field.offset,
      size: field.width,
      present,
      bytes: bytes.slice(base + field.offset, base + Math.min(field.offset + field.width, length)),
      value,
      shown: showValue(field.kind, value),
      meaning: meaning ?? usualMeaning(field.kind, value),
      about: field.meaning,
      rules,
    };
  });
}

/** The value of a field as shown. */
export function showValue(kind: FieldKind, value: number | bigint): string {
  return kind === 'magic' || kind === 'bits' || kind === 'host-offset' ? showOffset(value) : showCount(value);
}

function usualMeaning(kind: FieldKind, value: number | bigint): string {
  if (kind === 'time') {
    return new Date(Number(value) * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
  }
  return (kind === 'guest-size' || kind === 'bytes') && value >= 1024 ? showSize(value) : '';
}
