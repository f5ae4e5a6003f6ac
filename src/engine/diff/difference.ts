/** What a difference is in, in the order in which they are told. */
export type DifferenceSection =
  | 'file'
  | 'header'
  | 'features'
  | 'extensions'
  | 'luks'
  | 'snapshots'
  | 'l1'
  | 'l2'
  | 'bitmaps'
  | 'refcount-table'
  | 'refcounts'
  | 'refcount-counts'
  | 'findings';

/** What one of two images has. */
export interface Side {
  /** For a person. */
  readonly text: string;
  /** For a program, by name. Offsets and sizes in bytes; bytes and table entries as hex digits. */
  readonly values: Readonly<Record<string, string | number | bigint | boolean>>;
}

/** Something that two images do not have in common. */
export interface Difference {
  readonly section: DifferenceSection;
  /** The way to the place in words of the spec: `size`, `snapshot 1: L1[3]`. */
  readonly place: string;
  /** Of L2 entries: guest bytes. */
  readonly guest?: { readonly start: bigint; readonly length: bigint };
  /** Of refcounts: bytes of the file. */
  readonly host?: { readonly start: bigint; readonly length: bigint };
  /** How many entries of a table there are in a row, from the place on, that differ. */
  readonly count?: number;
  /** Absent where the first image has no such thing. */
  readonly a?: Side;
  /** Absent where the second image has no such thing. */
  readonly b?: Side;
}

/** Takes the differences, one after the other. */
export type DifferenceVisitor = (difference: Difference) => void;

/** A side that is one value. */
export function oneValue(value: string | number | bigint, text = String(value)): Side {
  return { text, values: { value } };
}

/** Visits the pairs of two lists with equal keys, the nth of a key with the nth; then those that have no counterpart. */
export function pairByKey<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (item: T) => string,
): { readonly a?: T; readonly b?: T }[] {
  const waiting = new Map<string, T[]>();
  for (const item of b) {
    const key = keyOf(item);
    const list = waiting.get(key);
    if (list) {
      list.push(item);
    } else {
      waiting.set(key, [item]);
    }
  }
  const taken = new Map<string, number>();
  const pairs: { readonly a?: T; readonly b?: T }[] = a.map((item) => {
    const key = keyOf(item);
    const nth = taken.get(key) ?? 0;
    const other = waiting.get(key)?.[nth];
    taken.set(key, nth + 1);
    return other === undefined ? { a: item } : { a: item, b: other };
  });
  for (const [key, list] of waiting) {
    pairs.push(...list.slice(taken.get(key) ?? 0).map((item) => ({ b: item })));
  }
  return pairs;
}
