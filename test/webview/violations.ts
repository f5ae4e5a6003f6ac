import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { axeSource } from './page.ts';

/** What axe has against a page, as lines to be read. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await axeSource());
  const results = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 120)} ${node.failureSummary}`).join('\n')}`,
  );
}
