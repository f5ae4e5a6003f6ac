import type { Finding } from '../engine/finding.ts';
import type { CheckApi, FilterSummary } from '../protocol/checkApi.ts';
import type { Filterable, FilteredCode, FindingFilters } from './findingFilter.ts';
import { textsOf } from './findingTexts.ts';
import type { CallContext, Handlers } from './server.ts';

/**
 * The findings of a check, page by page and filtered.
 *
 * @param found - what the last check has found; throws `bad-argument` before there was one
 */
export function findingMethods(found: () => Filterable): Pick<Handlers, Exclude<keyof CheckApi, 'check'>> {
  let known: { readonly of: Filterable; readonly filters: FindingFilters } | undefined;

  /** What a filter leaves of the findings of the last check. */
  const filter = async (of: Filterable, words: string, context: CallContext): Promise<readonly FilteredCode[]> => {
    const { FindingFilters } = await import('./findingFilter.ts');
    known = known?.of === of ? known : { of, filters: new FindingFilters(of) };
    return known.filters.filtered(words, context);
  };

  return {
    checkFilter: async ({ words }, context) => {
      const of = found();
      return summaryOf(of, await filter(of, words, context));
    },
    checkFindings: async ({ code, from, count, words = '' }, context) => {
      const of = found();
      if (words === '') {
        const findings = of.findings(code, from, count);
        return { findings, indexes: findings.map((_, index) => from + index), texts: await textsOf(findings) };
      }
      const numbers = (await filter(of, words, context)).find((group) => group.code === code)?.numbers;
      const length = Math.max(0, Math.min(count, (numbers?.count ?? 0) - from));
      const indexes = Array.from({ length }, (_, index) => numbers?.at(from + index) ?? 0);
      const findings = indexes.flatMap((index) => of.findings(code, index, 1));
      return { findings, indexes, texts: await textsOf(findings) };
    },
    checkStep: async ({ words, from, by }, context) => {
      const { stepFrom } = await import('./findingFilter.ts');
      return stepFrom(await filter(found(), words, context), from, by);
    },
  };
}

async function summaryOf(of: Filterable, filtered: readonly FilteredCode[]): Promise<FilterSummary> {
  const groups = filtered.flatMap(({ code, count, numbers }) => {
    const index = numbers.count > 0 ? numbers.at(0) : 0;
    const [first]: readonly Finding[] = numbers.count > 0 ? of.findings(code, index, 1) : [];
    return first === undefined ? [] : [{ code, count, listed: numbers.count, first, index }];
  });
  return {
    groups,
    unknown: filtered.reduce((sum, { unknown }) => sum + unknown, 0),
    texts: await textsOf(groups.map(({ first }) => first)),
  };
}
