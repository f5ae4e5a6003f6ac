import { Qcow2Error } from '../engine/error.ts';
import type { EntryRequest, RangesRequest } from '../protocol/listApi.ts';

/** Most entries or ranges of a page. */
const mostRows = 10_000;

/** Throws `bad-argument` for a page that there can't be. */
export function checkPage({ from, count }: EntryRequest | RangesRequest): void {
  const whole = typeof from === 'bigint' || Number.isInteger(from);
  if (!whole || from < 0 || !Number.isInteger(count) || count < 1 || count > mostRows) {
    throw new Qcow2Error('bad-argument', `A page has 1 to ${mostRows} rows, not ${count} from ${from} on.`);
  }
}

/** The only entry of a page; throws `not-found` where there is none. */
export function onlyEntry<T>(page: readonly T[], list: string, index: number): T {
  const [entry] = page;
  if (entry === undefined) {
    throw new Qcow2Error('not-found', `The ${list} has no entry ${index} that can be read.`);
  }
  return entry;
}
