import assert from 'node:assert/strict';
import type { Storage } from '../../src/engine/ports.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import type { Inspector } from './page.ts';
import { pages } from './pages.ts';
import { cells, huge, restedTop, rowsInPage, topEntry, way } from './tablesPage.ts';

describe('a table higher than a browser can lay out', function () {
  this.timeout(60_000);
  const { open } = pages();

  const show = async (storage: Storage, state: object = {}): Promise<Inspector> => {
    const { handlers } = await inspectStorage(storage);
    const inspector = await open(handlers, { state: { pane: 'tables', ...state } });
    await inspector.ready('tables');
    return inspector;
  };

  it('reaches every row with the keys', async () => {
    const { page } = await show(huge().toStorage());
    await page.locator('#tables-grid-box').focus();
    await page.keyboard.press('End');
    assert.deepEqual((await cells(page, 4_194_303)).slice(2, 4), ['8000 0000 0005 0000', 'L2 table']);
    await page.keyboard.press('PageUp');
    await page.keyboard.press('ArrowUp');
    assert.match(await way(page), /^L1 \(active\) › L1\[41942\d\d\]$/);
    await page.keyboard.press('Home');
    assert.equal((await cells(page, 0))[1], '0x3_0000');
    assert.equal(await topEntry(page), 0);
  });

  it('moves by as many rows for the wheel as a small table, anywhere in it, and ends at its ends', async () => {
    const { page } = await show(huge().toStorage(), { kept: { tables: 'l1 all 2000000' } });
    await page.mouse.move(400, 500);
    for (let turn = 0; turn < 5; turn++) {
      const before = await topEntry(page);
      await page.mouse.wheel(0, 224);
      const moved = (await restedTop(page, before)) - before;
      assert.ok(moved >= 9 && moved <= 11, `${moved} rows from ${before}`);
    }
    await page.evaluate(() => {
      const box = document.querySelector('#tables-grid-box');
      box?.scrollTo(0, 0);
    });
    assert.equal(await restedTop(page, 2_000_000), 0);
  });

  it('goes to a part of the table with the thumb of the scrollbar', async () => {
    const { page } = await show(huge().toStorage());
    const height = await page.evaluate(() => document.querySelector('#tables-grid-box')?.scrollHeight ?? 0);
    assert.ok(height < 15_000_000, `${height} px`);
    const ends: number[] = [];
    for (const part of [0.25, 0.5, 1]) {
      const before = await topEntry(page);
      await page.evaluate((to) => {
        const box = document.querySelector('#tables-grid-box');
        box?.scrollTo(0, (box.scrollHeight - box.clientHeight) * to);
      }, part);
      ends.push(await restedTop(page, before));
    }
    const [quarter = 0, half = 0, all = 0] = ends.map((entry) => entry / 2 ** 22);
    assert.ok(Math.abs(quarter - 0.25) < 0.01 && Math.abs(half - 0.5) < 0.01 && all > 0.9999, String(ends));
  });

  it('has no more rows in the page than are in view, and a few', async () => {
    const { page } = await show(huge().toStorage(), { kept: { tables: 'l1 all 3000000' } });
    assert.ok((await page.locator(rowsInPage).count()) < 70);
    assert.equal(await page.locator('#tables-grid-box').getAttribute('aria-rowcount'), String(2 ** 22 + 1));
  });

  it('finds the entries of a filter', async () => {
    const { page } = await show(huge().toStorage());
    await page.selectOption('#tables-filter', 'allocated');
    await page.getByText(/2 of 4.194.304 match/).waitFor();
    assert.deepEqual((await cells(page, 2_000_000)).slice(3, 5), ['L2 table', '0x4_0000']);
  });
});
