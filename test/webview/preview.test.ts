import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { ChangePlan } from '../../src/protocol/changeApi.ts';
import type { ChangeStage } from '../../src/protocol/changeMessages.ts';
import { encode } from '../../src/protocol/codec.ts';
import { pages } from './pages.ts';
import { changed, huge, type Shown, upgrade } from './previewPage.ts';
import { violationsInThemes } from './violations.ts';

const planned: ChangeStage = { stage: 'planned' };
const undo: ChangePlan = { ...upgrade, title: 'Undo “Upgrade to compat 1.1”', rollsBack: true, cautions: [] };
const blocked: ChangePlan = {
  ...upgrade,
  obstacles: ['qemu-system-x86 (pid 812) has /images/web-01.qcow2 open. Nothing was written. Close it there first.'],
};

/** Every stage, with what is shown of it. */
const stages: readonly (readonly [name: string, shown: Shown])[] = [
  ['planning', { stage: { stage: 'planning', part: 0.3 } }],
  [
    'refused',
    {
      stage: {
        stage: 'refused',
        reasons: ['It has 2 snapshots of other sizes.', 'Its refcounts have 8 bits: 0.10 has 16.'],
        interrupted: false,
      },
    },
  ],
  ['planned', { plan: upgrade, stage: planned }],
  ['blocked', { plan: blocked, stage: planned }],
  ['without locks', { plan: { ...upgrade, locks: false, protection: 'journal' }, stage: planned }],
  ['applying', { plan: upgrade, stage: { stage: 'applying', done: 3, total: 4, cancelling: false } }],
  ['done', { plan: upgrade, stage: { stage: 'done', undo: true, again: false } }],
  ['failed', { plan: upgrade, stage: { stage: 'failed', reason: 'No space.', cancelled: false, asBefore: true } }],
  ['a million writes', { plan: huge, stage: planned }],
];

const text = async (page: Page): Promise<string> => (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ');
const button = (page: Page, name: string) => page.locator('vscode-button', { hasText: name });

describe('the preview of a change', function () {
  this.timeout(120_000);
  const { preview } = pages();

  it('has no violations by axe in any theme, in any stage', async () => {
    const [first, ...others] = stages;
    assert.ok(first);
    const { page, show } = await preview(first[1]);
    assert.deepEqual(await violationsInThemes(page), [], first[0]);
    for (const [name, shown] of others) {
      await show(shown);
      assert.deepEqual(await violationsInThemes(page), [], name);
    }
  });

  it('says what would be written, where, and which fields of the header change', async () => {
    const { page } = await preview({ plan: upgrade, stage: planned });
    const words = await text(page);
    assert.match(words, /Upgrade to compat 1\.1 \/images\/web-01\.qcow2/);
    assert.match(words, /QEMU before 1\.1 can’t open/);
    assert.match(words, /Written 64\.5 KiB in 2 steps/);
    assert.match(words, /File 448 KiB → 512 KiB/);
    assert.match(words, /Duration less than a second by estimate/);
    assert.match(words, /Journal \/images\/web-01\.qcow2\.undo-journal/);
    assert.match(words, /1\. Write what is new where nothing is 2 writes · 64 KiB/i);
    assert.match(words, /L2 table\[3\] 0x7_0000 64 KiB past the end/);
    assert.match(words, /version 2 → 3 header_length 0 → 112/);
    assert.match(words, /The file then has 524\s288 bytes\./);
    assert.deepEqual(await page.locator('.write', { hasText: 'refcount block' }).locator('ins').allInnerTexts(), [
      '01',
      '01',
    ]);
  });

  it('shows all bytes of a write on demand: the lines that change, side by side', async () => {
    const { page, messages, send } = await preview({ plan: upgrade, stage: planned });
    const write = page.locator('.write', { hasText: 'header' });
    await write.getByRole('button').click();
    await page.getByText('Reading the bytes…').waitFor();
    assert.deepEqual(messages.at(-1), { type: 'bytes', step: 1, write: 0 });
    const before = new Uint8Array(512);
    const after = changed(changed(before, 5, 9), 100, 112);
    send({ type: 'bytes', body: encode({ step: 1, write: 0, before, after }) });
    await page.locator('.lines').waitFor();
    const lines = await page.locator('.lines > p').allInnerTexts();
    assert.deepEqual(
      lines.map((line) => /^\S+|\d+ lines/.exec(line)?.[0]),
      ['0x0', '5', '0x60', '25'],
    );
    assert.deepEqual(await page.locator('.lines ins').allInnerTexts(), ['09', '70']);
    assert.equal(await write.getByRole('button').getAttribute('aria-expanded'), 'true');
  });

  it('says so where the bytes can’t be had', async () => {
    const { page, send } = await preview({ plan: upgrade, stage: planned });
    await page.locator('.write', { hasText: 'header' }).getByRole('button').click();
    send({ type: 'bytes', body: encode({ step: 1, write: 0, error: 'The thread has ended.' }) });
    await page.getByText('The thread has ended.').waitFor();
  });

  it('tells the host what is clicked, and nothing before', async () => {
    const { page, messages, show } = await preview({ plan: upgrade, stage: planned });
    assert.deepEqual(messages, [{ type: 'ready' }]);
    await page.getByRole('button', { name: 'Another place…' }).click();
    await button(page, 'Apply').click();
    await show({ plan: upgrade, stage: { stage: 'applying', done: 0, total: 0, cancelling: false } });
    assert.match(await text(page), /Writing the journal…/);
    await button(page, 'Cancel').click();
    await show({ plan: upgrade, stage: { stage: 'done', undo: true, again: false } });
    await button(page, 'Undo…').click();
    await button(page, 'Close').click();
    assert.deepEqual(
      messages.map(({ type }) => type),
      ['ready', 'choose-journal', 'apply', 'cancel', 'roll-back', 'close'],
    );
  });

  it('can be read and applied by keyboard alone', async () => {
    const { page, messages, show } = await preview({ plan: upgrade, stage: planned });
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
    for (let tabs = 0; (await focused()) !== 'Apply'; tabs++) {
      assert.ok(tabs < 20, 'Apply is reached');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    assert.deepEqual(messages.at(-1), { type: 'apply' });
    await show({ plan: upgrade, stage: { stage: 'applying', done: 0, total: 0, cancelling: false } });
    await show({ plan: upgrade, stage: { stage: 'done', undo: true, again: false } });
    assert.match(await focused(), /^Done\. It can be undone|^Close$|^Undo…$/);
  });

  it('can’t be applied while something is in the way', async () => {
    const { page, messages } = await preview({ plan: blocked, stage: planned });
    assert.match(await text(page), /qemu-system-x86 \(pid 812\) has .* It can’t be applied now/);
    await button(page, 'Apply').click({ force: true });
    assert.ok(!messages.some(({ type }) => type === 'apply'));
    await button(page, 'Look Again').click();
    assert.deepEqual(messages.at(-1), { type: 'plan-again' });
  });

  it('lists all that stands against a plan, and leads to the roll back that has to come first', async () => {
    const stage = {
      stage: 'refused',
      reasons: ['It has snapshots.', 'It has a data file.'],
      interrupted: true,
    } as const;
    const { page, messages } = await preview({ stage });
    assert.deepEqual(await page.getByRole('listitem').allInnerTexts(), [...stage.reasons]);
    await button(page, 'Roll Back…').click();
    assert.deepEqual(messages.at(-1), { type: 'roll-back' });
  });

  it('says where only the journal protects, and where nothing keeps a VM from the image', async () => {
    const { page, show } = await preview({ plan: { ...upgrade, locks: false, protection: 'journal' }, stage: planned });
    assert.match(await text(page), /only the journal protects.*locks can’t be taken here.*Locks none/);
    await show({ plan: { ...upgrade, protection: 'corrupt-bit' }, stage: planned });
    assert.match(await text(page), /the corrupt bit is set meanwhile/);
  });

  it('says exactly by how much the file grows where the sizes look the same', async () => {
    const grown = { ...upgrade, sizeBefore: 4n << 30n, sizeAfter: (4n << 30n) + 65536n };
    const { page } = await preview({ plan: grown, stage: planned });
    assert.match(await text(page), /File 4 GiB → 4.194.368 KiB/);
  });

  it('says how a change has ended', async () => {
    const failed = { stage: 'failed', reason: 'EIO.', cancelled: false, asBefore: true } as const;
    const { page, show } = await preview({ plan: upgrade, stage: failed });
    assert.match(await text(page), /EIO\. The image is as it was before\./);
    const reason = 'No space left on device. Nothing was written.';
    await show({ plan: upgrade, stage: { ...failed, reason } });
    await page.getByText('Nothing was written. The image is as it was before.').waitFor();
    await show({ plan: upgrade, stage: { ...failed, cancelled: true } });
    await page.getByText('Cancelled. What was written has been rolled back').waitFor();
    await show({ plan: upgrade, stage: { ...failed, asBefore: false } });
    await page.getByText('may hold a part of the change').waitFor();
    await show({ plan: undo, stage: { stage: 'done', undo: false, again: true } });
    await page.getByText('The image is as it was before. What was interrupted can be planned again.').waitFor();
    assert.equal(await button(page, 'Plan It Again…').count(), 1);
  });

  it('offers no way to cancel a roll back', async () => {
    const stage = { stage: 'applying', done: 1, total: 2, cancelling: false } as const;
    const { page } = await preview({ plan: undo, stage });
    assert.match(await text(page), /Rolling back… 50 %/);
    assert.equal(await page.locator('vscode-button').count(), 0);
  });

  it('stays usable with a million writes: some are shown, more on demand, and how many there are', async () => {
    const { page } = await preview({ plan: huge, stage: planned });
    assert.equal(await page.locator('.write').count(), 20);
    await page.getByRole('button', { name: 'Show 100 more' }).click();
    assert.equal(await page.locator('.write').count(), 120);
    for (let shown = 120; shown < 1000; shown = await page.locator('.write').count()) {
      await page.getByRole('button', { name: /^Show \d+ more/ }).click();
    }
    assert.match(await text(page), /999\s000 more writes of the same kind are not listed/);
  });

  it('shows names of the image as text, with what can’t be seen written out', async () => {
    const [step] = upgrade.steps;
    const [write] = step?.writes ?? [];
    assert.ok(step && write);
    const structure = 'bitmap <img src=x onerror=alert(1)> \u202e';
    const plan = { ...upgrade, steps: [{ ...step, writes: [{ ...write, structure }] }] };
    const { page } = await preview({ plan, stage: planned });
    assert.match(await text(page), /bitmap <img src=x onerror=alert\(1\)> \\u\{202e\}/);
  });

  for (const width of [600, 1000, 1800]) {
    it(`fits into a width of ${width}`, async () => {
      const { page } = await preview({ plan: upgrade, stage: planned }, { size: { width, height: 800 } });
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
      );
      const inside = await page.locator('.preview-body').evaluate((body) => body.scrollWidth > body.clientWidth);
      assert.deepEqual([wider, inside], [false, false]);
    });
  }
});
