import type { Diagnosis, FindingGroup } from '../engine/check/diagnosis.ts';
import type { FindingCode } from '../engine/finding.ts';
import type { Progress } from '../engine/ports.ts';
import type { FindingPlace } from '../protocol/checkApi.ts';
import { FindingMatch } from './findingMatch.ts';
import { bitsFor, NumberSet, setBit } from './numberSet.ts';
import type { CallContext } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/** The findings that are filtered. */
export type Filterable = Pick<Diagnosis, 'groups' | 'findings'>;

/** What a filter leaves of the findings of one code. */
export interface FilteredCode {
  readonly code: FindingCode;
  /** How many match, as far as that can be told; more than `numbers` where all do, and not all are listed. */
  readonly count: number;
  /** Which of those that are listed. */
  readonly numbers: NumberSet;
  /** Of how many it is not known: they are only counted, and not all of the code match. */
  readonly unknown: number;
}

/** Findings made at a time; between, the caller may cancel, and others get in. */
const slice = 256;
/** Filters that are remembered: a view asks for the pages of one while it waits for the next, and there may be several views. */
const remembered = 4;

/**
 * Filters findings: every group of them, in their order. Memory: two bits a finding that is listed.
 *
 * @param words - as they were typed; all findings match where there are none
 */
export async function filterFindings(
  found: Filterable,
  words: string,
  progress: Progress,
): Promise<readonly FilteredCode[]> {
  const match = new FindingMatch(words);
  const tests = found.groups.map((group) => ({ group, test: match.of(group.code) }));
  const total = tests.reduce((sum, { group, test }) => sum + (test ? listedOf(group) : 0), 0);
  const filtered: FilteredCode[] = [];
  let done = 0;
  for (const { group, test } of tests) {
    const { code, count } = group;
    const listed = listedOf(group);
    if (test === undefined) {
      filtered.push({ code, count, numbers: NumberSet.below(listed), unknown: 0 });
      continue;
    }
    const bits = bitsFor(listed);
    for (let from = 0; from < listed; from += slice) {
      await progress.step(done + from, total);
      for (const [index, one] of found.findings(code, from, slice).entries()) {
        if (test(one)) {
          setBit(bits, from + index);
        }
      }
    }
    done += listed;
    const numbers = new NumberSet(bits);
    filtered.push({ code, count: numbers.count, numbers, unknown: count - listed });
  }
  return filtered;
}

function listedOf({ count, listed = count }: FindingGroup): number {
  return listed;
}

/** Filters of the same findings: each is run once for all who ask, and stopped when nobody waits for it any more. */
export class FindingFilters {
  readonly #found: Filterable;
  /** By their words, the one that was asked for last at the end. */
  readonly #runs = new Map<string, SharedRun<readonly FilteredCode[]>>();

  constructor(found: Filterable) {
    this.#found = found;
  }

  /** What a filter leaves; throws `cancelled`. */
  filtered(words: string, context: CallContext): Promise<readonly FilteredCode[]> {
    const run = this.#runs.get(words) ?? sharedRun((progress) => filterFindings(this.#found, words, progress));
    this.#runs.delete(words);
    this.#runs.set(words, run);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > remembered && oldest !== undefined) {
      this.#runs.delete(oldest);
    }
    return run.result(context);
  }
}

/**
 * The finding `by` further on than another one among those that a filter leaves, over both ends of the groups; the first
 * or the last where there is no other one. With 0 that one itself; null where there is none.
 */
export function stepFrom(
  filtered: readonly FilteredCode[],
  from: Pick<FindingPlace, 'code' | 'index'> | undefined,
  by: -1 | 0 | 1,
): FindingPlace | null {
  const groups = filtered.length;
  const at = filtered.findIndex(({ code }) => code === from?.code);
  const within = filtered[at];
  if (within !== undefined && from !== undefined) {
    const { code, numbers } = within;
    const before = numbers.before(from.index);
    const position = by > 0 && !numbers.has(from.index) ? before : before + by;
    if ((by !== 0 || numbers.has(from.index)) && position >= 0 && position < numbers.count) {
      return { code, index: numbers.at(position), position };
    }
  }
  const start = at < 0 && by < 0 ? groups : at;
  for (let step = by; by !== 0 && Math.abs(step) <= groups; step += by) {
    const { code, numbers } = filtered[(start + step + groups) % groups] ?? {};
    if (code !== undefined && numbers !== undefined && numbers.count > 0) {
      const position = by > 0 ? 0 : numbers.count - 1;
      return { code, index: numbers.at(position), position };
    }
  }
  return null;
}
