import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { answersFor } from './answers.ts';
import { broken, everything } from './images.ts';
import { pages } from './pages.ts';

/** What has the focus, in words. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const at = document.activeElement;
    return `${at?.getAttribute('role') ?? at?.localName} ${at?.getAttribute('aria-label') ?? at?.textContent?.trim().slice(0, 60)}`;
  });
}

/** The title of what the Inspector explains. */
function explained(page: Page): Promise<string> {
  return page.locator('.inspector-title').innerText();
}

describe('the page, by keyboard alone', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('shows the panes by the arrows, Home and End of their tabs', async () => {
    const { page, ready } = await open(answersFor(everything));
    await ready('overview');
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'tab Overview');
    await page.keyboard.press('ArrowRight');
    await ready('header');
    await page.keyboard.press('End');
    await ready('hex');
    await page.keyboard.press('ArrowRight');
    await ready('overview');
    await page.keyboard.press('ArrowLeft');
    await ready('hex');
    await page.keyboard.press('Home');
    await ready('overview');
    assert.equal(await focused(page), 'tab Overview');
  });

  it('walks the header field by field, then its features and extensions', async () => {
    const { page, ready } = await open(answersFor(everything), { state: { pane: 'header' } });
    await ready('header');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.match(await focused(page), /^row 0/);
    await page.keyboard.press('ArrowDown');
    assert.equal(await explained(page), 'version');
    await page.keyboard.press('End');
    assert.equal(await explained(page), 'Unknown header fields');
    await page.keyboard.press('ArrowUp');
    assert.equal(await explained(page), 'compression_type');
    // The mark of a finding is the next stop, after it the bits.
    await page.locator('.chip').first().focus();
    await page.keyboard.press('Enter');
    assert.equal(await explained(page), 'dirty');
    await page.locator('.chip').last().focus();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'grid Header extensions');
    await page.keyboard.press('ArrowDown');
    assert.equal(await explained(page), 'backing format');
    await page.keyboard.press('End');
    assert.equal(await explained(page), 'Unknown extension');
  });

  it('walks the cells of the map and reads them out, selects one, and goes on to the table', async () => {
    const { page, ready } = await open(answersFor(everything), { state: { pane: 'map' } });
    await ready('map');
    await page.locator('.cells').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.match(await page.locator('.readout').first().innerText(), /^0x1000_0000 · 256 MiB \+ 256 MiB · /);
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.inspector dd').first().innerText(), '0x1000_0000');
    // The table goes along, with the whole of the extent in which the cell begins.
    await page.locator('#extents .active').getByText('0xc00_0000').waitFor();
    await page.locator('#extents [role=grid]').focus();
    const selected = page.locator('#extents [aria-selected=true] [role=gridcell]').first();
    await page.keyboard.press('ArrowDown');
    await selected.getByText('0xc00_0000').waitFor();
    await page.keyboard.press('ArrowDown');
    await selected.getByText('0x1200_0000').waitFor();
  });

  it('leads from a finding to its field, which then has the focus', async () => {
    const { page, ready } = await open(answersFor(broken));
    await ready('overview');
    await page.locator('.finding').nth(1).focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.finding').nth(1).getAttribute('aria-current'), 'true');
    await page.locator('.inspector').getByRole('button', { name: 'Header', exact: true }).focus();
    await page.keyboard.press('Enter');
    await ready('header');
    assert.match(await focused(page), /^row 40/);
    assert.equal(await explained(page), 'l1_table_offset');
  });

  it('reaches everything that a mouse can, without a trap', async () => {
    const { page, ready } = await open(answersFor(everything));
    await ready('overview');
    const seen = new Set<string>();
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press('Tab');
      seen.add(await focused(page));
    }
    for (const stop of [
      'tab Overview',
      'grid Snapshots',
      'grid Bitmaps',
      'aside Inspector',
      'complementary Inspector',
    ]) {
      assert.ok(seen.has(stop) || stop.includes('Inspector'), `${stop} in ${[...seen].join(' | ')}`);
    }
    assert.ok([...seen].some((stop) => stop.endsWith('Inspector')));
    assert.ok(
      [...seen].some((stop) => stop.startsWith('body')),
      'the focus leaves the page at its end',
    );
  });
});
