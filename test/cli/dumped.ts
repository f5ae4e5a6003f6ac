import { writeJson } from '../../src/cli/dumpJson.ts';
import { writeText } from '../../src/cli/dumpText.ts';
import { TextStream } from '../../src/cli/textStream.ts';
import { readDump } from '../../src/engine/dump/dump.ts';
import { openImage } from '../../src/engine/image/open.ts';
import type { Storage } from '../../src/engine/ports.ts';

/** A value of a dump: numbers are bigint, exact. */
export type Json = string | bigint | boolean | Json[] | { readonly [name: string]: Json };

/** What `qcow2 dump` writes about a file in memory. */
export async function dumpOf(storage: Storage, output: 'json' | 'human', tables: boolean): Promise<string> {
  const parts: Buffer[] = [];
  const to = new TextStream({
    text: (bytes) => parts.push(Buffer.from(bytes, 'latin1')),
    write: (bytes, length) => parts.push(Buffer.from(bytes.subarray(0, length))),
  });
  const dump = await readDump('test.qcow2', await openImage(storage), tables);
  await (output === 'json' ? writeJson : writeText)(dump, to);
  to.flush();
  return Buffer.concat(parts).toString('utf8');
}

/** The JSON of a dump as values. */
export async function jsonOf(storage: Storage, tables = true): Promise<Json> {
  return parseExact(await dumpOf(storage, 'json', tables));
}

/** Parses JSON whose numbers are whole ones, without rounding them. */
export function parseExact(text: string): Json {
  // TypeScript does not know the reviver's third argument yet (ES2026, "JSON.parse source text access").
  const revive = (_: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? BigInt(context?.source ?? 'NaN') : value;
  return JSON.parse(text, revive);
}

/** The value at a way of member names and list indices; throws where there is none. */
export function at(json: Json | undefined, ...way: readonly (string | number)[]): Json {
  let value = json;
  for (const step of way) {
    value = isMembers(value) ? value[step] : Array.isArray(value) ? value[Number(step)] : undefined;
  }
  if (value === undefined) {
    throw new Error(`nothing at ${way.join('.')}`);
  }
  return value;
}

/** The members' names of an object. */
export function namesOf(json: Json): string[] {
  return isMembers(json) ? Object.keys(json) : [];
}

/** The items of a list. */
export function items(json: Json): Json[] {
  if (!Array.isArray(json)) {
    throw new Error('not a list');
  }
  return json;
}

function isMembers(json: Json | undefined): json is { readonly [name: string]: Json } {
  return typeof json === 'object' && !Array.isArray(json);
}
