import assert from 'node:assert/strict';
import { answersFor, forbidden } from './answers.ts';
import { broken, everything, foreign, plain } from './images.ts';
import { pages } from './pages.ts';
import { violations, violationsInThemes } from './violations.ts';

describe('the page, judged by axe', function () {
  this.timeout(120_000);
  const { open } = pages();

  for (const [name, image, selection] of [
    ['everything', everything, 'snapshot:1'],
    ['a refused image', broken, 'field:l1_table_offset'],
    ['version 2', plain, 'guest:0+65536'],
  ] as const) {
    it(`has no violations in any theme, on ${name}`, async () => {
      const { page, ready } = await open(answersFor(image), { state: { pane: 'overview', selection } });
      for (const pane of ['Overview', 'Header', 'Map', 'Snapshots', 'Bitmaps', 'Encryption']) {
        await page.getByRole('tab', { name: pane, exact: true }).click();
        await ready(pane.toLowerCase());
        assert.deepEqual(await violationsInThemes(page), [], pane);
      }
    });
  }

  it('is judged in every theme: what can’t be read in some is found in those', async () => {
    const { page, ready } = await open(answersFor(plain));
    await ready();
    await page.evaluate(() => {
      const words = Object.assign(document.createElement('p'), { textContent: 'planted' });
      words.style.color = '#cccccc';
      document.querySelector('.pane')?.prepend(words);
    });
    const found = (await violationsInThemes(page)).map((line) => line.slice(0, line.indexOf(' <')));
    assert.deepEqual(found, ['light: color-contrast:', 'hc-light: color-contrast:']);
  });

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
