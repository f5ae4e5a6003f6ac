import { isList, type JsonObject, type JsonValue } from './json.ts';

const buckets = 512;

/**
 * Puts the members of every object in the order in which QEMU prints them: its QDict is a hash table that is walked
 * bucket by bucket (qobject/qdict.c, tdb_hash), the last inserted first. Members are given in order of insertion.
 */
export function inQdictOrder(value: JsonValue): JsonValue {
  if (typeof value !== 'object') {
    return value;
  }
  if (isList(value)) {
    return value.map(inQdictOrder);
  }
  const ordered: Record<string, JsonValue> = {};
  for (const [key, member] of qdictEntries(value)) {
    ordered[key] = inQdictOrder(member);
  }
  return ordered;
}

/** The members that an object has, in that order. */
export function qdictEntries(object: JsonObject): [key: string, value: JsonValue][] {
  const entries: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(object)) {
    if (value !== undefined) {
      entries.push([key, value]);
    }
  }
  return entries.reverse().sort(([a], [b]) => bucket(a) - bucket(b));
}

/** The hash is of 32 bits. */
function bucket(key: string): number {
  let value = Math.imul(0x238f13af, key.length);
  for (let at = 0; at < key.length; at++) {
    value = (value + (key.charCodeAt(at) << ((at * 5) % 24))) >>> 0;
  }
  return ((Math.imul(1103515243, value) + 12345) >>> 0) % buckets;
}
