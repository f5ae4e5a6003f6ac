import { permutation, random } from './random.ts';

/** What each part of the tests tries when it is asked for everything: `npm run interop`, `npm run crash`. */
export const everything: boolean = process.env.QCOW2_INTEROP === 'all';

/**
 * Some of the items, in their order, the same for the same seed; with `all`, every one of them. Matrices are larger than
 * what `npm test` has the time for.
 */
export function sampled<T>(items: readonly T[], count: number, all: boolean = everything, seed = 1): readonly T[] {
  if (all || items.length <= count) {
    return items;
  }
  const chosen = new Set(permutation(items.length, random(seed)).subarray(0, count));
  return items.filter((_, index) => chosen.has(index));
}
