/**
 * Bit tables: a table entry is declared once, as a list of bit ranges, and decoded, encoded and explained from that.
 * For single entries; the walks over whole tables use functions on two 32-bit words instead.
 */

import { showOffset } from './show.ts';

/** A range of bits of a 64-bit table entry. Bit 0 is the least significant. */
export interface BitField {
  /** The spec's name. */
  readonly name: string;
  /** Lowest bit. */
  readonly from: number;
  /** Highest bit, inclusive. */
  readonly to: number;
  /** True for an offset, whose bits keep their place: bits 9-55 hold the offset's bits 9-55. */
  readonly inPlace?: boolean;
  /** What it is, in a sentence for a person. */
  readonly meaning: string;
}

/** The values of a bit table's fields by name. */
export type DecodedBits<T extends readonly BitField[]> = { -readonly [F in T[number] as F['name']]: bigint };

/** One bit range of an entry, explained. */
export interface BitRow {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly value: bigint;
  /** `0x5_0000`, `1`. */
  readonly shown: string;
  /** What this value means here. May be empty. */
  readonly meaning: string;
  /** What the bits are, whatever their value. */
  readonly about: string;
  /** The rules that the bits must keep, and whether they do. */
  readonly rules: readonly BitRule[];
}

/** A rule of the spec for some bits. */
export interface BitRule {
  readonly text: string;
  readonly kept: boolean;
}

/** Decodes an entry by its bit table. */
export function decodeBits<const T extends readonly BitField[]>(table: T, entry: bigint): DecodedBits<T> {
  const values: Record<string, bigint> = {};
  for (const field of table) {
    values[field.name] = readBits(field, entry);
  }
  return values as DecodedBits<T>;
}

/** Encodes an entry; bits of a value that don't fit its field are dropped. */
export function encodeBits<const T extends readonly BitField[]>(table: T, values: DecodedBits<T>): bigint {
  const byName: Readonly<Record<string, bigint | undefined>> = values;
  let entry = 0n;
  for (const field of table) {
    const value = byName[field.name] ?? 0n;
    entry |= (field.inPlace ? value : value << BigInt(field.from)) & maskOf(field);
  }
  return entry;
}

/** The bits of a field, in their place. */
export function maskOf(field: BitField): bigint {
  return ((1n << BigInt(field.to - field.from + 1)) - 1n) << BigInt(field.from);
}

/** Two 32-bit words, the high one first, as one 64-bit entry. */
export function joinWords(hi: number, lo: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** The high and the low 32-bit word of an entry. */
export function splitWords(entry: bigint): { hi: number; lo: number } {
  return { hi: Number((entry >> 32n) & 0xffff_ffffn), lo: Number(entry & 0xffff_ffffn) };
}

/**
 * The rows of an entry. `explain` gives the meaning of a field's value and the rules for it, where there is more to
 * say than the table has.
 */
export function bitRows(
  table: readonly BitField[],
  entry: bigint,
  explain: (name: string, value: bigint) => { meaning?: string; rules?: readonly BitRule[] },
): BitRow[] {
  return table.map((field) => {
    const value = readBits(field, entry);
    const { meaning = '', rules = [] } = explain(field.name, value);
    const { name, from, to } = field;
    return { name, from, to, value, shown: showBits(field, value), meaning, about: field.meaning, rules };
  });
}

function readBits(field: BitField, entry: bigint): bigint {
  const bits = entry & maskOf(field);
  return field.inPlace ? bits : bits >> BigInt(field.from);
}

function showBits(field: BitField, value: bigint): string {
  return field.from === field.to ? String(value) : showOffset(value);
}

/** Bits of a host offset in an L1 or L2 entry (L1E_OFFSET_MASK, L2E_OFFSET_MASK). */
const offsetBits = { first: 9, end: 56 };

/** The host offsets, in bytes, of which one bit in an entry differs from an offset. */
export function* oneBitAway(offset: number): Generator<number> {
  for (let bit = offsetBits.first; bit < offsetBits.end; bit++) {
    const value = 2 ** bit;
    yield Math.floor(offset / value) % 2 === 1 ? offset - value : offset + value;
  }
}
