import assert from 'node:assert/strict';
import { answersFor, forbidden } from './answers.ts';
import { broken, everything, foreign, plain } from './images.ts';
import { pages } from './pages.ts';
import { themes } from './themes.ts';
import { violations } from './violations.ts';

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
        for (const pane of ['Overview', 'Header', 'Map', 'Snapshots', 'Bitmaps', 'Encryption']) {
          await page.getByRole('tab', { name: pane, exact: true }).click();
          await ready(pane.toLowerCase());
          assert.deepEqual(await violations(page, { theme }), [], pane);
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
