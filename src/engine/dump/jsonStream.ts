import { exact, hexDigits, jsonString } from './jsonText.ts';

/** What is written as JSON. Bytes become a string of hex digits. */
export type Value = string | number | bigint | boolean | Uint8Array | readonly Value[] | Members;

/** Members of an object, in order; undefined ones are left out. */
export interface Members {
  readonly [name: string]: Value | undefined;
}

/** A value this long, in characters, still goes on one line. */
const lineLength = 360;

/** Takes text piece by piece. */
export interface TextSink {
  write(text: string): void;
}

/** Writes JSON piece by piece, so that lists of any length take no memory. */
export class JsonStream {
  readonly #to: TextSink;
  #depth = 0;
  #first = true;

  constructor(to: TextSink) {
    this.#to = to;
  }

  /** Begins an object (`{`) or a list (`[`); `name`: as a member of the object that is open. */
  begin(bracket: '{' | '[', name?: string): void {
    this.#separate();
    this.#to.write(`${name === undefined ? '' : `${jsonString(name)}: `}${bracket}`);
    this.#depth++;
    this.#first = true;
  }

  /** Ends the object or list that is open. */
  end(bracket: '}' | ']'): void {
    this.#depth--;
    this.#to.write(`${this.#first ? '' : `\n${this.#indent()}`}${bracket}`);
    this.#first = false;
  }

  /** A member of the object that is open; none if undefined. */
  member(name: string, value: Value | undefined): void {
    if (value !== undefined) {
      this.raw(`${jsonString(name)}: ${layout(value, this.#indent())}`);
    }
  }

  /** An item of the list that is open. */
  item(value: Value): void {
    this.raw(layout(value, this.#indent()));
  }

  /** A member or an item that is JSON already, on one line. */
  raw(json: string): void {
    this.#separate();
    this.#to.write(json);
  }

  #separate(): void {
    if (this.#depth > 0) {
      this.#to.write(`${this.#first ? '' : ','}\n${this.#indent()}`);
    }
    this.#first = false;
  }

  #indent(): string {
    return '  '.repeat(this.#depth);
  }
}

/** A value without objects or lists of objects in it on one line, if it is not too long; others a member a line. */
function layout(value: Value, indent: string): string {
  if (typeof value !== 'object') {
    return typeof value === 'string' ? jsonString(value) : typeof value === 'boolean' ? String(value) : exact(value);
  }
  if (value instanceof Uint8Array) {
    return `"${hexDigits(value)}"`;
  }
  const inner = `${indent}  `;
  const list = isList(value);
  const parts = list ? value.map((item) => layout(item, inner)) : membersOf(value, inner);
  const [open, close] = list ? '[]' : '{}';
  const line = `${open}${parts.join(', ')}${close}`;
  const flat = !parts.some((part) => part.includes('\n') || part.endsWith('}') || part.endsWith('}]'));
  return flat && line.length <= lineLength ? line : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}

function membersOf(members: Members, indent: string): string[] {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) {
      parts.push(`${jsonString(name)}: ${layout(value, indent)}`);
    }
  }
  return parts;
}

/** `Array.isArray` does not tell TypeScript so for readonly lists. */
function isList(value: readonly Value[] | Members): value is readonly Value[] {
  return Array.isArray(value);
}
