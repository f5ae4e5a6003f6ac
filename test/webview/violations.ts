import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { axeSource, wear } from './page.ts';
import { themes } from './themes.ts';

/** The rules whose verdict depends on the theme. */
const colourRules = ['color-contrast', 'link-in-text-block'];

/** What axe has against a page, or the part of it that a selector names, as lines to be read. */
export function violations(page: Page, part?: string): Promise<string[]> {
  return run(page, part, {});
}

/**
 * What axe has against a page in any theme: all rules are tried with the first theme, and with the others, which the page
 * gets one after the other, those that look at colours. The page has the first theme again in the end.
 */
export async function violationsInThemes(page: Page, part?: string): Promise<string[]> {
  const [first = 'dark', ...others] = Object.keys(themes) as (keyof typeof themes)[];
  const found = await violations(page, part);
  for (const theme of others) {
    await wear(page, theme);
    const more = await run(page, part, { runOnly: { type: 'rule', values: colourRules } });
    found.push(...more.map((line) => `${theme}: ${line}`));
  }
  await wear(page, first);
  return found;
}

async function run(page: Page, part: string | undefined, options: object): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) {
    await page.evaluate(await axeSource());
  }
  const results = await page.evaluate<AxeResults>(
    `axe.run(${part === undefined ? 'document' : JSON.stringify(part)}, ${JSON.stringify({ resultTypes: ['violations'], ...options })})`,
  );
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join('\n')}`,
  );
}
