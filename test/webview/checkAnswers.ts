import type { Finding, FindingCode } from '../../src/engine/finding.ts';
import { textsOf } from '../../src/engine/findingTexts.ts';
import type { CheckApi, CheckSummary } from '../../src/protocol/checkApi.ts';
import type { Filterable } from '../../src/worker/findingFilter.ts';
import { findingMethods } from '../../src/worker/findingMethods.ts';
import type { Handlers } from '../../src/worker/server.ts';

/** The methods of the check that the fake worker has. */
export type CheckAnswers = Pick<Handlers, keyof CheckApi>;

/** What a check is to have found besides its findings. */
export type CheckParts = Partial<Pick<CheckSummary, 'complete' | 'result' | 'causes' | 'impacts' | 'unlistedImpacts'>>;

/** A finding made when it is asked for: the one at a place among those of its code. */
export type FindingsOfCode = readonly [code: FindingCode, count: number, at: (index: number) => Finding];

/** Answers of a worker whose check finds these. */
export function checkAnswers(found: readonly FindingsOfCode[], parts: CheckParts = {}): CheckAnswers {
  const groups = found.map(([code, count, at]) => {
    const first = at(0);
    const bytes = (one: Finding['host']): bigint => (one?.length ?? 0n) * BigInt(count);
    return { code, count, first, hostBytes: bytes(first.host), guestBytes: bytes(first.guest), additional: false };
  });
  const { complete = true, causes = [], impacts = [], result, unlistedImpacts } = parts;
  const summary: CheckSummary = {
    complete,
    ...(result && { result }),
    groups,
    causes,
    impacts,
    ...(unlistedImpacts === undefined ? {} : { unlistedImpacts }),
    milliseconds: 310,
    texts: textsOf([...groups.map(({ first }) => first), ...causes]),
  };
  const diagnosis: Filterable = {
    groups,
    findings: (code, from, count) => {
      const [, total = 0, at] = found.find(([one]) => one === code) ?? [];
      const length = Math.max(0, Math.min(count, total - from));
      return at === undefined ? [] : Array.from({ length }, (_, index) => at(from + index));
    },
  };
  return {
    check: async () => summary,
    ...findingMethods(() => diagnosis),
  };
}

/** Each of some findings as one of its code. */
export function groupsOf(findings: readonly Finding[]): FindingsOfCode[] {
  const codes = Map.groupBy(findings, ({ code }) => code);
  return [...codes].map(([code, all]) => [code, all.length, (index) => all[index] ?? (all[0] as Finding)]);
}
