import { parseSize } from '../engine/size.ts';
import { bytesOfText } from './bytes.ts';
import { warnOfHexUnit } from './hexUnit.ts';
import { Failure } from './program.ts';

/** What an option of `-o` takes. */
export type OptionKind = 'text' | 'flag' | 'size' | 'number';

/** The options given by `-o`, the last of each name. Values are texts as given. */
export type GivenOptions = ReadonlyMap<string, string>;

/**
 * Reads `-o` lists as QEMU does (qemu_opts_parse): `name=value` with commas between them, two commas for one in a value,
 * `name` for `name=on` and `noname` for `name=off`, whatever the name is. Throws the message of what is wrong.
 *
 * @param known - the options that there are, by name
 */
export function readOptionLists(lists: readonly string[], known: ReadonlyMap<string, OptionKind>): GivenOptions {
  const given = new Map<string, string>();
  for (const list of lists) {
    requireOptionList(list);
    for (const part of partsOf(list)) {
      const [name, value] = splitPart(part);
      if (!known.has(name)) {
        throw new Error(`Invalid parameter '${name}'`);
      }
      checkValue(name, value, known.get(name) ?? 'text');
      given.set(name, value);
    }
  }
  return given;
}

/** What stands between single commas; two commas stand for one. */
export function partsOf(list: string): string[] {
  return list === '' ? [] : list.split(/(?<=(?<!,)(?:,,)*),(?!,)/).map((part) => part.replaceAll(',,', ','));
}

/** Throws a `Failure` for a list that is empty, or begins or ends with a comma (QEMU's accumulate_options). */
export function requireOptionList(list: string): void {
  if (list === '' || list.startsWith(',') || /(^|[^,])(,,)*,$/.test(list)) {
    throw new Failure(bytesOfText(`Invalid option list: ${list}`));
  }
}

function splitPart(part: string): readonly [string, string] {
  const equals = part.indexOf('=');
  if (equals >= 0) {
    return [part.slice(0, equals), part.slice(equals + 1)];
  }
  return part.startsWith('no') ? [part.slice(2), 'off'] : [part, 'on'];
}

function checkValue(name: string, value: string, kind: OptionKind): void {
  if (kind === 'flag' && value !== 'on' && value !== 'off') {
    throw new Error(`Parameter '${name}' expects 'on' or 'off'`);
  }
  if (kind === 'number') {
    checkNumber(name, value);
  }
  if (kind === 'size') {
    checkSize(name, value);
  }
}

function checkSize(name: string, value: string): void {
  const size = parseSize(value);
  if (typeof size === 'string') {
    throw new Error(
      `Parameter '${name}' expects a non-negative number below 2^64\n` +
        'Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.',
    );
  }
  warnOfHexUnit(value, size);
}

function checkNumber(name: string, value: string): void {
  const number = parseNumber(value);
  if (number === undefined) {
    throw new Error(`Parameter '${name}' expects a number`);
  }
  if (number > mostU64 || number < -mostU64) {
    throw new Error(`Value '${value}' is too large for parameter '${name}'`);
  }
}

const mostU64 = 2n ** 64n - 1n;

/** A whole number as strtoull reads it: hexadecimal after 0x, octal after 0; undefined where it is none. */
function parseNumber(text: string): bigint | undefined {
  const [, sign, digits = ''] = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.exec(text) ?? [];
  if (sign === undefined) {
    return undefined;
  }
  const magnitude = BigInt(/^0\d/.test(digits) ? `0o${digits}` : digits);
  return sign === '-' ? -magnitude : magnitude;
}

/** A number that `readOptionLists` has checked, as QEMU prints it: in 64 bits, with a sign. */
export function shownNumber(text: string): bigint {
  return BigInt.asIntN(64, parseNumber(text) ?? 0n);
}

/**
 * A number that `readOptionLists` has checked, for an option that takes no more than a signed one of 64 bits. Throws
 * QEMU's message.
 *
 * @param name - as QEMU's message has it
 */
export function numberValue(name: string, text: string): bigint {
  const number = parseNumber(text) ?? 0n;
  if (number !== BigInt.asIntN(64, number)) {
    throw new Error(`Parameter '${name}' expects integer`);
  }
  return number;
}

/** A value that must be one of a few, if it is given. Throws QEMU's message, with `name` in it. */
export function oneOf<T extends string>(name: string, value: string | undefined, known: readonly T[]): T | undefined {
  const found = known.find((one) => one === value);
  if (value !== undefined && found === undefined) {
    throw new Error(`Parameter '${name}' does not accept value '${value}'`);
  }
  return found;
}

/** A size that `readOptionLists` has checked, in bytes. */
export function sizeValue(text: string): bigint {
  const size = parseSize(text);
  return typeof size === 'string' ? 0n : size.value;
}
