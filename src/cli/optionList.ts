import { parseSize } from '../engine/size.ts';
import { bytesOfText } from './bytes.ts';
import { Failure } from './program.ts';

/** What an option of `-o` takes. */
export type OptionKind = 'text' | 'flag' | 'size' | 'number';

/** The options given by `-o`, the last of each name. Values are texts as given. */
export type GivenOptions = ReadonlyMap<string, string>;

/**
 * Reads `-o` lists as QEMU does (qemu_opts_parse): `name=value` with commas between them, two commas for one in a value,
 * `name` for `name=on` and `noname` for `name=off`. Throws the message of what is wrong.
 *
 * @param known - the options that there are, by name
 */
export function readOptionLists(lists: readonly string[], known: ReadonlyMap<string, OptionKind>): GivenOptions {
  const given = new Map<string, string>();
  for (const list of lists) {
    if (list === '' || list.startsWith(',') || /(^|[^,])(,,)*,$/.test(list)) {
      throw new Failure(bytesOfText(`Invalid option list: ${list}`));
    }
    for (const part of list.split(/(?<!,)(?:,,)*,(?!,)/)) {
      const [name, value] = splitPart(part.replaceAll(',,', ','), known);
      if (!known.has(name)) {
        throw new Error(`Invalid parameter '${name}'`);
      }
      given.set(name, value);
    }
  }
  for (const [name, value] of given) {
    checkValue(name, value, known.get(name) ?? 'text');
  }
  return given;
}

function splitPart(part: string, known: ReadonlyMap<string, OptionKind>): readonly [string, string] {
  const equals = part.indexOf('=');
  if (equals >= 0) {
    return [part.slice(0, equals), part.slice(equals + 1)];
  }
  return part.startsWith('no') && known.has(part.slice(2)) ? [part.slice(2), 'off'] : [part, 'on'];
}

function checkValue(name: string, value: string, kind: OptionKind): void {
  if (kind === 'flag' && value !== 'on' && value !== 'off') {
    throw new Error(`Parameter '${name}' expects 'on' or 'off'`);
  }
  if (kind === 'number' && !/^\s*\+?(0[xX][0-9a-fA-F]+|\d+)$/.test(value)) {
    throw new Error(`Parameter '${name}' expects a number`);
  }
  if (kind === 'size' && typeof parseSize(value) === 'string') {
    throw new Error(
      `Parameter '${name}' expects a non-negative number below 2^64\n` +
        'Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.',
    );
  }
}

/** A size that `readOptionLists` has checked, in bytes. */
export function sizeValue(text: string): bigint {
  const size = parseSize(text);
  return typeof size === 'string' ? 0n : size.value;
}
