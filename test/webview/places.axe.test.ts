import assert from 'node:assert/strict';
import { answersFor } from './answers.ts';
import { broken, everything } from './images.ts';
import { pages } from './pages.ts';
import { violations, violationsInThemes } from './violations.ts';

/** One of every kind. */
const selections = [
  'field:l1_table_offset',
  'unknown-fields',
  'bit:incompatible.3',
  'extension:0',
  'guest:0+65536',
  'guest:0+1073741824',
  'host:262144+65536',
  'host:0+1073741824',
  'l1-entry:3',
  'l2-entry:3.17',
  'refcount-table-entry:0',
  'refcount-entry:0.5',
  'snapshot:1',
  'bitmap:0',
  'encryption',
  'key-slot:0',
  'backing',
  'data-file',
  'finding:0',
];

describe('the Inspector and Go to…, judged by axe', function () {
  this.timeout(120_000);
  const { open } = pages();

  it('have no violations in any theme, whatever is explained', async () => {
    const visits = selections.map((address) => `header ${address}`);
    const state = { pane: 'header', selection: selections[0], history: { visits, at: 0 } };
    const { page, ready } = await open(answersFor(everything), { state });
    await ready('header');
    for (const address of selections) {
      await page.locator('.inspector h2').waitFor();
      assert.deepEqual(await violationsInThemes(page, '.inspector'), [], address);
      await page.evaluate(() => window.postMessage({ type: 'command', command: 'forward' }, '*'));
      await page.waitForTimeout(50);
    }
    await page.evaluate(() => window.postMessage({ type: 'command', command: 'go-to' }, '*'));
    await page.locator('#go-to-text:focus').waitFor();
    for (const text of ['size', 'no such thing', '']) {
      await page.locator('#go-to-text').fill(text);
      assert.deepEqual(await violationsInThemes(page, '.go-to'), [], text);
    }
  });

  for (const width of [600, 1000]) {
    it(`fit into ${width} pixels without scrolling sideways, whatever is explained`, async () => {
      const visits = selections.map((address) => `header ${address}`);
      const state = { pane: 'header', selection: selections[0], history: { visits, at: 0 } };
      const { page, ready } = await open(answersFor(everything), { size: { width, height: 700 }, state });
      await ready('header');
      for (const address of selections) {
        await page.locator('.inspector h2').waitFor();
        const [wide, room] = await page
          .locator('.inspector')
          .evaluate(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]);
        assert.equal(wide, room, address);
        await page.evaluate(() => window.postMessage({ type: 'command', command: 'forward' }, '*'));
        await page.waitForTimeout(50);
      }
      await page.evaluate(() => window.postMessage({ type: 'command', command: 'go-to' }, '*'));
      const box = await page.locator('.go-to').boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= width, JSON.stringify(box));
    });
  }

  it('have no violations on a refused image, below a narrow pane', async () => {
    const state = { pane: 'header', selection: 'finding:0' };
    const { page, ready } = await open(answersFor(broken), { size: { width: 600, height: 900 }, state });
    await ready('header');
    assert.deepEqual(await violations(page, '.inspector'), []);
  });
});
