import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { axeSource } from './page.ts';
import { themes } from './themes.ts';

/** The rules whose verdict depends on the theme. */
const colourRules = ['color-contrast', 'link-in-text-block'];

/** What axe is asked of. */
export interface Question {
  /** A selector; the whole page when left out. */
  readonly part?: string;
  /** The page's theme: all rules are tried with the first one, and with the others those that look at colours. */
  readonly theme?: keyof typeof themes;
}

/** What axe has against a page, as lines to be read. */
export async function violations(page: Page, { part, theme }: Question = {}): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) {
    await page.evaluate(await axeSource());
  }
  const [first] = Object.keys(themes);
  const options = {
    resultTypes: ['violations'],
    ...(theme === undefined || theme === first ? {} : { runOnly: { type: 'rule', values: colourRules } }),
  };
  const results = await page.evaluate<AxeResults>(
    `axe.run(${part === undefined ? 'document' : JSON.stringify(part)}, ${JSON.stringify(options)})`,
  );
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join('\n')}`,
  );
}
