import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { Storage } from '../../src/engine/ports.ts';
import type { FileNews } from '../../src/protocol/news.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import type { Handlers } from '../../src/worker/server.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { FailingStorage } from '../support/memoryStorage.ts';
import { held } from './answers.ts';
import type { Inspector, PageOptions } from './page.ts';
import { pages } from './pages.ts';
import { cells, huge, kib64, mixed, rowsInPage, topEntry, way } from './tablesPage.ts';
import { violationsInThemes } from './violations.ts';

/** News of a file that is as it was read. */
const calm: FileNews = {
  opened: 1,
  cause: 'first',
  openedAt: 0,
  file: { state: 'same' },
  paused: false,
  locks: { state: 'free' },
  journal: { state: 'none' },
};

describe('the pane of the tables', function () {
  this.timeout(60_000);
  const { open } = pages();

  const show = async (
    storage: Storage,
    state: object = {},
    options: PageOptions = {},
    changed: Partial<Handlers> = {},
  ): Promise<Inspector> => {
    const { handlers } = await inspectStorage(storage);
    const inspector = await open({ ...handlers, ...changed }, { ...options, state: { pane: 'tables', ...state } });
    await inspector.ready('tables');
    return inspector;
  };

  it('shows each entry of the L1 table, raw and decoded', async () => {
    const { page } = await show(mixed().toStorage());
    assert.deepEqual(await cells(page, 0), [
      '0',
      '0x3_0000',
      '8000 0000 0004 0000',
      'L2 table',
      '0x4_0000',
      '0x0',
      'COPIED',
      '',
    ]);
    assert.deepEqual((await cells(page, 3)).slice(2), [
      '8000 0000 0004 0200',
      'L2 table',
      '0x4_0200',
      '0x6000_0000',
      'COPIED',
      'corruption: not the start of a cluster',
    ]);
    assert.equal(await page.locator(rowsInPage).count(), 5);
  });

  it('goes down with Enter and up with Backspace, and says the way', async () => {
    const { page } = await show(mixed().toStorage());
    await page.locator('#tables-grid-box').focus();
    await page.keyboard.press('ArrowDown');
    assert.equal(await way(page), 'L1 (active) › L1[0]');
    await page.keyboard.press('Enter');
    await page.getByText('L2 table of L1[0] at').waitFor();
    await page.waitForFunction(() => document.activeElement?.id === 'tables-grid-box');
    assert.equal(await way(page), 'L1 (active) › L1[0]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await way(page), 'L1 (active) › L1[0] › L2[1]');
    assert.deepEqual((await cells(page, 1)).slice(1, 6), ['0x4_0008', '0000 0000 0000 0001', 'zero', '0x1_0000', '–']);
    await page.keyboard.press('Backspace');
    await page.getByText('L1 table at').waitFor();
    await page.keyboard.press('End');
    assert.equal(await way(page), 'L1 (active) › L1[4]');
  });

  it('moves across the cells of a row, and follows an address with Enter', async () => {
    const { page } = await show(mixed().toStorage(), { selection: 'l2-entry:0.8000' });
    const box = page.locator('#tables-grid-box');
    await box.focus();
    for (let column = 0; column < 6; column++) {
      await page.keyboard.press('ArrowRight');
    }
    assert.match((await box.getAttribute('aria-activedescendant')) ?? '', /-row-8000-5$/);
    await page.keyboard.press('Enter');
    await page.locator('.inspector').getByText('0x6_0000').first().waitFor();
    assert.match(await page.locator('.inspector').innerText(), /host/i);
    for (let column = 0; column < 7; column++) {
      await page.keyboard.press('ArrowLeft');
    }
    assert.match((await box.getAttribute('aria-activedescendant')) ?? '', /-row-8000$/);
  });

  it('selects the guest’s bytes by their address, and marks the row of a selected range', async () => {
    const { page, messages } = await show(mixed().toStorage(), { selection: 'l2-entry:0.4' });
    await page.locator(`${rowsInPage}[aria-selected=true]`).getByRole('button', { name: '0x4_0000' }).click();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'tables-grid-box');
    const saved = messages.findLast(({ type }) => type === 'state');
    assert.match(JSON.stringify(saved), /"selection":"guest:262144\+65536"/);
    assert.deepEqual((await cells(page, 4)).slice(0, 1), ['4 wrong']);
    assert.equal(await page.locator(`${rowsInPage}[aria-selected=true]`).count(), 1);
  });

  it('opens the table of an entry that is selected elsewhere, with its row in view', async () => {
    const { page } = await show(mixed().toStorage(), { selection: 'l2-entry:0.8000' });
    assert.deepEqual((await cells(page, 8000)).slice(1, 6), [
      '0x4_fa00',
      '8000 0000 0006 0000',
      'data',
      '0x1f40_0000',
      '0x6_0000',
    ]);
    assert.ok(await page.locator(`${rowsInPage}[aria-selected=true]`).isVisible());
  });

  it('is where a range of the guest’s disk is revealed: at its L2 entry, or the L1 entry without a table', async () => {
    for (const [start, shown, entry] of [
      [8000n * kib64, 'L1 (active) › L1[0] › L2[8000]', 8000],
      [4n << 29n, 'L1 (active) › L1[4]', 4],
    ] as const) {
      const { handlers } = await inspectStorage(mixed().toStorage());
      const state = { pane: 'map', selection: `guest:${start}+65536`, kept: { tables: 'refcount-table all 5' } };
      const { page, ready } = await open(handlers, { state });
      await ready('map');
      await page.locator('.inspector').getByRole('button', { name: 'Tables' }).click();
      await ready('tables');
      const row = page.locator(`${rowsInPage}[aria-selected=true]`);
      await row.waitFor();
      assert.equal(await way(page), shown);
      assert.equal(Number((await row.locator('[role=gridcell]').first().innerText()).replaceAll(/\D/g, '')), entry);
      assert.ok(await row.isVisible());
    }
  });

  it('leaves the entries that a filter takes, and says exactly how many', async () => {
    const { page } = await show(mixed().toStorage(), { selection: 'l2-entry:0.8000' });
    await page.selectOption('#tables-filter', 'allocated');
    await page.getByText('4 of 8 192 match'.replace(' 192', '\u202f192')).waitFor();
    const first = await page.locator(`${rowsInPage} [role=gridcell]:first-child`).allInnerTexts();
    assert.deepEqual(
      first.map((text) => text.replaceAll(/\D/g, '')),
      ['0', '3', '4', '8000'],
    );
    await page.locator(`${rowsInPage}[aria-selected=true]`).filter({ hasText: '0x4_fa00' }).waitFor();
    await page.selectOption('#tables-filter', 'wrong');
    await page.getByText(/^· 1 of/).waitFor();
    assert.equal((await cells(page, 4)).at(-1), 'corruption: not the start of a cluster');
    await page.selectOption('#tables-filter', 'zero-allocated');
    await page.getByText('No entry matches.').waitFor();
  });

  it('leads from what is wrong to its finding', async () => {
    for (const [kept, code] of [
      ['l2:0 all 0', 'l2-entry-unaligned'],
      ['l1 all 0', 'l2-table-past-end'],
    ] as const) {
      const image = mixed();
      image.l1(2, copied | image.at(900));
      const { page } = await show(image.toStorage(), { kept: { tables: kept } });
      await page.locator(`${rowsInPage} button.entry-wrong`).first().click();
      await page.locator('.inspector').getByText(code).waitFor();
    }
  });

  it('has the tables of each snapshot, and the refcounts', async () => {
    const { page } = await show(mixed().toStorage());
    await page.selectOption('#tables-root', { label: 'Snapshot 1: name' });
    await page.getByText('0xa_0000').first().waitFor();
    await page.locator(rowsInPage).nth(1).getByRole('button', { name: 'L2 table' }).click();
    await page.getByText('L2 table of L1[1] at').waitFor();
    assert.deepEqual((await cells(page, 17)).slice(1, 6), [
      '0xb_0088',
      '0000 0000 0006 0000',
      'data',
      '0x2011_0000',
      '0x6_0000',
    ]);
    await page.selectOption('#tables-root', 'refcount-table');
    await page.locator(rowsInPage).first().getByRole('button', { name: 'refcount block' }).click();
    await page.getByText('Refcount block of').waitFor();
    assert.deepEqual(await cells(page, 6), ['6', '0x2_000c', '0003', '3', 'several references', '6', '0x6_0000', '']);
    assert.equal(await way(page), 'refcount table › refcount_table[0]');
  });

  it('says why there is no table, and goes back up', async () => {
    const { page } = await show(mixed().toStorage(), { kept: { tables: 'l2:1 all 0' } });
    assert.match(await page.locator('.statement').innerText(), /no L2 table: L1\[1\] leads to none/);
    await page.getByRole('button', { name: 'To the table that leads here' }).click();
    await page.getByText('L1 table at').waitFor();
  });

  it('draws subclusters so that they can be read, and says them', async () => {
    const image = new ImageBuilder({ size: 1 << 20, incompatible_features: 0x10 });
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5), 0x0000_00f0_ffff_000fn);
    const { page } = await show(image.truncate(image.at(6)).toStorage(), { selection: 'l2-entry:0.0' });
    const map = page.locator('.subclusters').first();
    assert.equal(await map.innerText(), '■■■■0000 ········ ■■■■■■■■ ■■■■■■■■');
    assert.equal(await map.getAttribute('aria-label'), 'subclusters 0…3 data, 4…7 zero, 8…15 unallocated, 16…31 data');
  });

  it('says which entries can’t be read, and never draws them as zeros', async () => {
    const image = mixed();
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(4) / 512n }]);
    const { page } = await show(storage, { selection: 'l2-entry:0.63' });
    assert.deepEqual((await cells(page, 63)).slice(2), [
      '–',
      'can’t be read',
      '–',
      '–',
      '',
      'corruption: Input/output error',
    ]);
    assert.equal((await cells(page, 64))[2], '0000 0000 0000 0000');
  });

  it('keeps table, filter and place over a reload of the page', async () => {
    const { page, messages } = await show(huge().toStorage(), { kept: { tables: 'l1 all 1234567' } });
    assert.equal(await topEntry(page), 1_234_567);
    await page.mouse.move(400, 500);
    await page.mouse.wheel(0, 300);
    await page.waitForFunction(
      (old) => document.querySelector('#tables-grid .grid-body [role=row]')?.id !== old,
      'tables-grid-row-1234559',
    );
    await page.waitForTimeout(400);
    const saved = JSON.stringify(messages.findLast(({ type }) => type === 'state'));
    assert.match(saved, /"tables":"l1 all 12345(7|8)\d"/);
  });

  it('says that it looks through a table, and can be stopped and started again', async () => {
    const { handlers } = await inspectStorage(mixed().toStorage());
    const first = held<never>();
    let asked = 0;
    const { page } = await show(
      mixed().toStorage(),
      {},
      {},
      {
        table: async (request, context) => {
          if (request.filter === 'all' || asked++ > 0) {
            return handlers.table(request, context);
          }
          context.report(1, 4);
          return first.promise;
        },
      },
    );
    await page.selectOption('#tables-filter', 'allocated');
    await page.getByText('Looking through the table 25 %').waitFor();
    assert.equal(await page.locator(rowsInPage).count(), 0);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('was cancelled').waitFor();
    await page.getByRole('button', { name: 'Start again' }).click();
    await page.getByText('2 of 5 match').waitFor();
  });

  it('never draws rows that have not come, and reads those that failed again on Retry', async () => {
    const { handlers } = await inspectStorage(mixed().toStorage());
    let asked = 0;
    const { page } = await show(
      mixed().toStorage(),
      { selection: 'l2-entry:0.0' },
      {},
      {
        tableRows: async (request, context) => {
          if (asked++ === 0) {
            throw new Qcow2Error('read-failed', 'Reading at 0x4_0000 failed: Input/output error');
          }
          return handlers.tableRows(request, context);
        },
      },
    );
    await page.getByText('Reading entries failed: Reading at 0x4_0000 failed').waitFor();
    assert.match(await page.locator(rowsInPage).first().innerText(), /^could not be read$/);
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByText('8000 0000 0005 0000').waitFor();
  });

  it('reads the rows again when the file has changed, where they are, and marks those of other tables', async () => {
    const none = new Uint32Array();
    const image = huge();
    let { handlers } = await inspectStorage(image.toStorage());
    const current: Partial<Handlers> = {
      describe: (...call) => handlers.describe(...call),
      scan: (...call) => handlers.scan(...call),
      table: (...call) => handlers.table(...call),
      tableRows: (...call) => handlers.tableRows(...call),
      tablePosition: (...call) => handlers.tablePosition(...call),
      tableChanges: async () => ({ added: new Uint32Array([2_000_002]), removed: none, changed: none }),
    };
    const state = { pane: 'tables', selection: 'l1-entry:2000003', kept: { tables: 'l1 all 1999990' } };
    const { page, ready, send } = await open(current, { state });
    send({ type: 'news', news: calm });
    await ready('tables');
    assert.equal((await cells(page, 2_000_002))[3], 'unallocated');
    image.l1(2_000_002, copied | image.at(4));
    ({ handlers } = await inspectStorage(image.toStorage()));
    send({ type: 'news', news: { ...calm, opened: 2, cause: 'changed' } });
    await page.locator(rowsInPage).getByText('L2 table').nth(1).waitFor();
    assert.deepEqual((await cells(page, 2_000_002)).slice(2, 4), ['8000 0000 0004 0000', 'L2 table']);
    await page.locator(rowsInPage).getByText('the L2 table is new').waitFor();
    assert.match((await cells(page, 2_000_002))[0] ?? '', /^2\s000\s002 the L2 table is new$/);
    assert.equal(await page.locator(rowsInPage).locator('.changed').count(), 1);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.locator(rowsInPage).locator('.changed').waitFor({ state: 'detached' });
    assert.equal(await topEntry(page), 1_999_990);
    assert.match(await page.locator(`${rowsInPage}[aria-selected=true]`).innerText(), /^2\s000\s003/);
  });

  it('has a snapshot by its index where they are too many to be offered by name', async () => {
    const image = mixed({ nb_snapshots: 300 });
    for (let index = 0; index < 300; index++) {
      const entry = image.at(20) + BigInt(index) * 64n;
      image
        .put64(entry, image.at(index === 250 ? 10 : 9))
        .put32(entry + 8n, 5)
        .put32(entry + 12n, 0x1_0004)
        .put32(entry + 36n, 16);
    }
    const { page } = await show(image.truncate(image.at(21)).toStorage());
    await page.selectOption('#tables-root', { label: 'A snapshot, by its index' });
    const index = page.getByRole('spinbutton', { name: 'Index of the snapshot' });
    await index.fill('250');
    await index.press('Enter');
    await page.locator('.table-way').getByText('L1 (snapshot 250)').waitFor();
    await page.locator('.pane-tables p').getByText('0xa_0000').waitFor();
  });

  it('says that there are no tables where the header can’t be read', async () => {
    const { page } = await show(new ImageBuilder({ cluster_bits: 16 }).header({ cluster_bits: 40 }).toStorage());
    assert.match(await page.locator('.statement').innerText(), /no tables/);
  });

  it('has no violations in any theme', async () => {
    for (const [kept, width] of [
      ['l1 all 0', 1400],
      ['l2:0 all 0', 600],
      ['l2:1 all 0', 1400],
      ['refcount-block:0 allocated 0', 1800],
    ] as const) {
      const { page } = await show(
        mixed().toStorage(),
        { kept: { tables: kept }, selection: 'l1-entry:0' },
        { size: { width, height: 900 } },
      );
      assert.deepEqual(await violationsInThemes(page), [], kept);
    }
  });
});
