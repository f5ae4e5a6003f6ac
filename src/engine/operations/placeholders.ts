import type { StoredName } from './metadataPlaces.ts';

/** Letters come first, so that the names of few things are letters alone and none is a snapshot's ID. */
const digits = 'xabcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/**
 * Names that tell nothing, each as long as the one that it stands for: `xxxxx`, `xxxxa`, `xxxxb`. Names of one kind that
 * are equal stay equal, and those that differ stay different, as long as there are different ones of that length at all
 * (62 of one byte).
 */
export function placeholders(names: readonly StoredName[]): { readonly offset: bigint; readonly bytes: Uint8Array }[] {
  const numbers = new Map<string, number>();
  const used = new Map<string, number>();
  return names.map(({ kind, offset, bytes }) => {
    const sort = `${kind} ${bytes.length}`;
    const name = `${sort} ${bytes.join()}`;
    let number = numbers.get(name);
    if (number === undefined) {
      number = used.get(sort) ?? 0;
      numbers.set(name, number);
      used.set(sort, number + 1);
    }
    return { offset, bytes: placeholder(number, bytes.length) };
  });
}

function placeholder(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = number;
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = digits.charCodeAt(rest % digits.length);
    rest = Math.floor(rest / digits.length);
  }
  return bytes;
}
