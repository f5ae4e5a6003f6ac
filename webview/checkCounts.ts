import type { CheckSummary } from '../src/protocol/checkApi.ts';
import type { Severity } from './description.ts';
import { severityOf } from './findings.ts';
import { readyValue } from './loaded.ts';
import type { Session } from './session.ts';

/**
 * How many there are of each severity: corruptions and leaks in clusters and entries, as qemu-img check counts them, with
 * what it does not count added; never fewer than the findings that are listed.
 */
export function countsOf({ result, groups }: CheckSummary): ReadonlyMap<Severity, number> {
  const counts = new Map<Severity, number>();
  const extra = new Map<Severity, number>();
  for (const { first, count, additional } of groups) {
    const severity = severityOf(first);
    counts.set(severity, (counts.get(severity) ?? 0) + count);
    extra.set(severity, (extra.get(severity) ?? 0) + (additional ? count : 0));
  }
  for (const [severity, counted] of [
    ['corruption', result?.corruptions],
    ['leak', result?.leaks],
  ] as const) {
    const known = Math.max(counts.get(severity) ?? 0, (counted ?? 0) + (extra.get(severity) ?? 0));
    if (known > 0) {
      counts.set(severity, known);
    }
  }
  return counts;
}

/** What a check of the whole image has found; undefined until there was one. */
export function wholeCheck({ check }: Session): CheckSummary | undefined {
  const summary = readyValue(check.summary);
  return summary?.complete === true ? summary : undefined;
}

/** How many corruptions are known so far. */
export function corruptionsOf(session: Session): number {
  const whole = wholeCheck(session);
  return whole === undefined
    ? session.listed.filter(({ finding }) => severityOf(finding) === 'corruption').length
    : (countsOf(whole).get('corruption') ?? 0);
}
