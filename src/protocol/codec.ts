/**
 * Values as text and back. Messages between host and webview are JSON, which has no bigint and no bytes; they are
 * written as tagged objects: `{"$":"bigint","value":"12"}`.
 */

/** The typed arrays that messages may hold. Their bytes are sent as they are: VS Code has no big endian machines. */
const arrays = { Uint8Array, Uint32Array, Float32Array, Float64Array } as const;

/** The text of a value: null, booleans, numbers, strings, bigints, typed arrays, lists and plain objects of them. */
export function encode(value: unknown): string {
  return JSON.stringify({ value: tag(value) });
}

/** The value of a text that `encode` made. */
export function decode(text: string): unknown {
  const outer: unknown = JSON.parse(text, (_, value: unknown) => untag(value));
  return field(outer, 'value');
}

function tag(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return { $: 'bigint', value: value.toString() };
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: 'number', value: showNumber(value) };
    case 'string':
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return tagObject(value);
    case 'function':
    case 'symbol':
      throw new TypeError(`A message can't hold a ${typeof value}`);
  }
}

function tagObject(value: object | null): unknown {
  if (value === null) {
    return null;
  }
  if (Array.isArray(value)) {
    return value.map(tag);
  }
  for (const [name, type] of Object.entries(arrays)) {
    if (value instanceof type) {
      return { $: name, value: toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
    }
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`A message can't hold a ${value.constructor.name}`);
  }
  const entries = Object.entries(value)
    .filter(([, held]) => held !== undefined)
    .map(([key, held]): [string, unknown] => [key, tag(held)]);
  // An object that has a `$` of its own is written as its entries.
  return '$' in value ? { $: 'object', value: entries } : Object.fromEntries(entries);
}

function untag(value: unknown): unknown {
  const kind = field(value, '$');
  if (kind === undefined) {
    return value;
  }
  const held = field(value, 'value');
  if (kind === 'object' && Array.isArray(held)) {
    return Object.fromEntries(held);
  }
  if (typeof held !== 'string') {
    throw new TypeError('A message is not well formed');
  }
  if (kind === 'bigint') {
    return BigInt(held);
  }
  if (kind === 'number') {
    return Number(held);
  }
  const type = Object.entries(arrays).find(([name]) => name === kind)?.[1];
  if (type === undefined) {
    throw new TypeError(`A message has an unknown kind of value: ${JSON.stringify(kind)}`);
  }
  return new type(fromBase64(held).buffer);
}

function field(value: unknown, name: '$' | 'value'): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}

function showNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  // In parts: a call takes no more than some ten thousand arguments.
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) {
    bytes[at] = binary.charCodeAt(at);
  }
  return bytes;
}
