/** Findings of an image that are listed as problems; the pane Check has all of them. */
export const mostListed = 1000;

/** Findings that are asked for at once. */
const page = 250;

/** The findings of one code: how many there are, and how many can be had where memory does not hold all. */
export interface CountedGroup<Code> {
  readonly code: Code;
  readonly count: number;
  readonly listed?: number;
}

/**
 * Lists the first findings of groups, in their order, up to `mostListed` in all. `ask` gives `count` findings of a code from
 * one on. `rest`: how many are not listed.
 */
export async function listFindings<Code, Listed>(
  groups: readonly CountedGroup<Code>[],
  ask: (code: Code, from: number, count: number) => Promise<readonly Listed[]>,
): Promise<{ readonly listed: readonly Listed[]; readonly rest: number }> {
  const found: Listed[] = [];
  for (const { code, count, listed = count } of groups) {
    const end = Math.min(listed, mostListed - found.length);
    for (let from = 0; from < end; from += page) {
      found.push(...(await ask(code, from, Math.min(page, end - from))));
    }
  }
  const all = groups.reduce((sum, { count }) => sum + count, 0);
  return { listed: found, rest: all - found.length };
}
