import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { Qcow2Error } from '../../src/engine/error.ts';
import { explained, few, words } from './brokenCheck.ts';
import { pages } from './pages.ts';

describe('the filter of the pane Check', function () {
  this.timeout(120_000);
  const { open } = pages();

  const filtered = (page: Page): ReturnType<Page['locator']> => page.locator('.check-filtered [aria-live]');
  const groups = (page: Page): Promise<string[]> =>
    page.locator('.check-group[id]').evaluateAll((all) => all.map(({ id }) => id.replace('group-', '')));

  it('filters single findings by words, severity, code and offset, and says how many are left', async () => {
    const { page, ready } = await open(few, { state: { pane: 'check' } });
    await ready('check');
    const filter = page.getByRole('searchbox', { name: 'Filter findings' });
    for (const [typed, count, left] of [
      ['corruption', '3 of 2.003 findings', ['tables-overlap', 'l1-entry-reserved']],
      ['L1-entry-reserved', '1 of 2.003 findings', ['l1-entry-reserved']],
      ['L2 tables', '2 of 2.003 findings', ['tables-overlap']],
      ['LEAK cluster 123', '1 of 2.003 findings', ['cluster-leaked']],
      [String(0x4b_2a00_0000n), '2 of 2.003 findings', ['tables-overlap']],
      ['host 0x3_1234', '1 of 2.003 findings', ['tables-overlap']],
      ['nothing of that', '0 of 2.003 findings', []],
    ] as const) {
      await filter.fill(typed);
      await filtered(page)
        .getByText(new RegExp(`^${count}$`))
        .waitFor();
      assert.deepEqual(await groups(page), left, typed);
    }
    assert.match(await words(page, '.check-groups'), /^No finding has all of these words/);
    assert.equal(await page.locator('.check-bar vscode-button[disabled]').count(), 2, 'there is none to go to');
    await filter.fill('host 0x3_1234');
    await filtered(page).getByText(/^1 of/).waitFor();
    assert.match(
      await words(page, '#group-tables-overlap'),
      /tables-overlap · corruption\s·\s1 of 2 L1\[602\] → L2\[2561\]/,
    );
    await page.locator('#group-tables-overlap .check-first').click();
    await explained(page, /L1\[602\] → L2\[2561\]/);
    assert.ok(await page.getByRole('button', { name: 'Repair all of this kind…' }).isVisible());
  });

  it('goes over the findings that the filter leaves; Escape brings all back, the selected one in view', async () => {
    const { page, ready } = await open(few, { size: { width: 1400, height: 600 }, state: { pane: 'check' } });
    await ready('check');
    const filter = page.locator('.check-filter');
    const place = (of: string): Promise<void> =>
      page.locator('.inspector .pairs dd').first().getByText(of, { exact: true }).waitFor();
    await filter.fill('cluster 117');
    await page.keyboard.press('F8');
    await place('cluster 117');
    assert.equal(await filtered(page).innerText(), '1 of 2\u202f003 findings');
    await filter.fill('refcount=2');
    for (const key of ['F8', 'F8', 'Shift+F8', 'Shift+F8']) {
      await page.keyboard.press(key);
    }
    await place('cluster 116');
    assert.equal(await filtered(page).innerText(), '1\u202f000 of 2\u202f003 findings');
    const grid = page.locator('#findings-cluster-leaked');
    const row = grid.locator('[aria-selected=true]');
    await row.getByText('cluster 116').waitFor();
    assert.equal(await grid.locator('[role=grid]').getAttribute('aria-rowcount'), '1001');
    const places = await grid.locator('[role=row] > :first-child bdi').allInnerTexts();
    assert.deepEqual(places.slice(0, 3), ['cluster 100', 'cluster 102', 'cluster 104']);
    await grid.getByText('cluster 118').click();
    await place('cluster 118');
    await grid.locator('[role=grid]').press('ArrowUp');
    await place('cluster 116');
    await filter.press('Escape');
    await page.locator('#group-l1-entry-reserved').waitFor();
    assert.deepEqual(await groups(page), ['tables-overlap', 'l1-entry-reserved', 'cluster-leaked']);
    assert.equal(await filtered(page).innerText(), '');
    assert.ok(
      await filter.evaluate((input: HTMLInputElement) => input === document.activeElement && input.value === ''),
    );
    await row.getByText('cluster 116').waitFor();
    assert.equal(await grid.locator('[role=grid]').getAttribute('aria-rowcount'), '2001');
    await page.waitForFunction(() => {
      const box = document.querySelector('#findings-cluster-leaked [aria-selected=true]')?.getBoundingClientRect();
      const pane = document.querySelector('.pane')?.getBoundingClientRect();
      return box && pane && box.top >= pane.top && box.bottom <= pane.bottom;
    });
    await filter.fill('leak');
    await filtered(page)
      .getByText(/^2.000 of/)
      .waitFor();
    await page.getByRole('button', { name: 'Clear filter' }).click();
    await page.locator('#group-l1-entry-reserved').waitFor();
    assert.ok(await filter.evaluate((input) => input === document.activeElement));
  });

  it('keeps showing what there was while it filters, says so, and gives up when other words are typed', async () => {
    const asked: string[] = [];
    const cancelled: string[] = [];
    const { page, ready } = await open(
      {
        ...few,
        checkFilter: async (request, context) => {
          asked.push(request.words);
          if (request.words !== 'slow') {
            return { ...(await few.checkFilter(request, context)), unknown: 7000 };
          }
          context.report(1, 4);
          return new Promise((_, reject) => {
            context.signal.addEventListener('abort', () => {
              cancelled.push(request.words);
              reject(new Qcow2Error('cancelled', 'Cancelled.'));
            });
          });
        },
      },
      { state: { pane: 'check' } },
    );
    await ready('check');
    const filter = page.locator('.check-filter');
    await filter.fill('slow');
    await filtered(page).getByText('Filtering…', { exact: true }).waitFor();
    assert.equal(await words(page, '.check-filtered'), 'Filtering… 25 %');
    assert.deepEqual(await groups(page), ['tables-overlap', 'l1-entry-reserved', 'cluster-leaked']);
    assert.equal(await page.locator('.check-groups').getAttribute('aria-busy'), 'true');
    await filter.fill('leak');
    await filtered(page)
      .getByText(/^2.000 of/)
      .waitFor();
    assert.deepEqual(await groups(page), ['cluster-leaked']);
    assert.equal(await page.locator('.check-groups').getAttribute('aria-busy'), 'false');
    assert.match(await words(page, '.check-groups .note-line'), /^7.000 more findings are only counted, not listed:/);
    assert.deepEqual([asked, cancelled], [['slow', 'leak'], ['slow']]);
  });
});
