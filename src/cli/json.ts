/** What QEMU's JSON is made of. Strings are byte strings (see `bytes.ts`); the keys' order is kept. */
export type JsonValue = string | number | bigint | boolean | readonly JsonValue[] | JsonObject;

/** Members in the order in which they are printed; an undefined one is left out. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** JSON with QEMU's layout (qobject_to_json_pretty): four spaces, a member a line, ASCII only. A byte string. */
export function prettyJson(value: JsonValue, depth = 0): string {
  if (typeof value === 'string') {
    return quoted(value);
  }
  if (typeof value !== 'object') {
    return String(value);
  }
  if (!isList(value)) {
    return container('{', '}', depth, members(value, depth + 1));
  }
  const items = value.map((item) => prettyJson(item, depth + 1));
  return container('[', ']', depth, items);
}

/** Whether a value is a list; `Array.isArray` does not tell TypeScript so for readonly ones. */
export function isList(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function members(object: JsonObject, depth: number): string[] {
  const lines: string[] = [];
  for (const [key, value] of Object.entries(object)) {
    if (value !== undefined) lines.push(`${quoted(key)}: ${prettyJson(value, depth)}`);
  }
  return lines;
}

function container(open: string, close: string, depth: number, lines: readonly string[]): string {
  const indent = ' '.repeat(4 * depth);
  return `${open}${lines.map((line) => `\n${indent}    ${line}`).join(',')}\n${indent}${close}`;
}

const shortEscapes: Readonly<Record<number, string>> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

function quoted(bytes: string): string {
  let text = '"';
  let at = 0;
  while (at < bytes.length) {
    const { code, length } = codePoint(bytes, at);
    at += length;
    text += shortEscapes[code] ?? (code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : escaped(code));
  }
  return `${text}"`;
}

function escaped(code: number): string {
  const unit = (value: number): string => `\\u${value.toString(16).toUpperCase().padStart(4, '0')}`;
  if (code <= 0xffff) return unit(code);
  return unit(0xd800 + ((code - 0x10000) >> 10)) + unit(0xdc00 + ((code - 0x10000) & 0x3ff));
}

const replacement = 0xfffd;

/**
 * The code point at a place of a byte string, by QEMU's rules for "modified UTF-8" (mod_utf8_codepoint): sequences of
 * up to six bytes are taken in whole; overlong ones, surrogates, non-characters and broken ones become U+FFFD.
 */
function codePoint(bytes: string, at: number): { code: number; length: number } {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return { code: first, length: 1 };
  if (first < 0xc0 || first >= 0xfe) return { code: replacement, length: 1 };
  const wanted = Math.clz32(~(first << 24));
  let code = first & (0x7f >> wanted);
  let length = 1;
  while (length < wanted && (bytes.charCodeAt(at + length) & 0xc0) === 0x80) {
    code = code * 64 + (bytes.charCodeAt(at + length) & 0x3f);
    length++;
  }
  if (length < wanted || !isCharacter(code, wanted)) code = replacement;
  return { code, length };
}

const leastOfLength = [0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000] as const;

function isCharacter(code: number, length: number): boolean {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  if ((code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe) return false;
  // U+0000 in two bytes is how modified UTF-8 writes NUL.
  return code >= (leastOfLength[length] ?? 0) || (code === 0 && length === 2);
}
