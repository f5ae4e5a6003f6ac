import assert from 'node:assert/strict';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { answersFor, forbidden } from './answers.ts';
import { broken, everything, foreign, plain } from './images.ts';
import { axeSource } from './page.ts';
import { pages } from './pages.ts';
import { themes } from './themes.ts';

/** What axe has against a page, as lines to be read. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await axeSource());
  const results = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 120)} ${node.failureSummary}`).join('\n')}`,
  );
}

describe('the page, judged by axe', function () {
  this.timeout(120_000);
  const { open } = pages();

  for (const theme of Object.keys(themes) as (keyof typeof themes)[]) {
    for (const [name, image, selection] of [
      ['everything', everything, 'snapshot:1'],
      ['a refused image', broken, 'field:l1_table_offset'],
      ['version 2', plain, 'guest:0+65536'],
    ] as const) {
      it(`has no violations in ${theme}, on ${name}`, async () => {
        const { page, ready } = await open(answersFor(image), { theme, state: { pane: 'overview', selection } });
        for (const pane of ['Overview', 'Header', 'Map']) {
          await page.getByRole('tab', { name: pane }).click();
          await ready(pane.toLowerCase());
          assert.deepEqual(await violations(page), [], pane);
        }
      });
    }
  }

  it('has no violations when the Inspector is below, and on a file of another format', async () => {
    const narrow = await open(answersFor(everything), { size: { width: 600, height: 900 }, state: { pane: 'header' } });
    await narrow.ready('header');
    assert.deepEqual(await violations(narrow.page), []);
    const other = await open(answersFor(foreign));
    await other.ready();
    assert.deepEqual(await violations(other.page), []);
  });

  it('has no violations when the file can’t be opened', async () => {
    const { page, ready } = await open({
      ...answersFor(plain),
      describe: async () => {
        throw forbidden;
      },
    });
    await ready();
    assert.deepEqual(await violations(page), []);
  });
});
