import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import type { Storage } from '../../src/engine/ports.ts';
import { decode } from '../../src/protocol/codec.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';
import { oneSnapshot } from '../support/oneSnapshot.ts';
import type { Inspector, PageOptions } from './page.ts';
import { pages } from './pages.ts';
import { violationsInThemes } from './violations.ts';

/** A disk of 1 MiB: data, zeros, compressed, one that does not decompress; the rest unallocated. */
function small(): ImageBuilder {
  const image = new ImageBuilder({ size: 1n << 20n });
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, zero);
  const stream = deflateRawSync(Buffer.alloc(65536, 'squeezed '));
  image.put(image.at(6) + 16n, stream).entry(4, 2, compressed | (image.at(6) + 16n));
  image.entry(4, 3, compressed | (image.at(7) + 32n)).put(image.at(7), new Uint8Array(512).fill(0xff));
  image.put(image.at(5), 'guest data: needle');
  for (const cluster of [4, 5, 6, 7]) {
    image.refcount(cluster, 1);
  }
  return image.truncate(image.at(8));
}

/** The texts of the rows in view: offset, hex, characters, what they are. */
async function rows(page: Page): Promise<string[][]> {
  return page
    .locator('.bytes-row:not(.bytes-head)')
    .evaluateAll((all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent?.replaceAll(/\s*\n\s*/g, '') ?? '')),
    );
}

/** The hex digits of the rows in view, one text a byte. */
async function painted(page: Page): Promise<{ at: string; hex: string }[]> {
  return page
    .locator('.bytes-hex [data-byte]')
    .evaluateAll((all) =>
      all.map((cell) => ({ at: cell.getAttribute('data-byte') ?? '', hex: cell.textContent?.trim() ?? '' })),
    );
}

async function loaded(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('.is-loading') === null);
}

describe('the pane of bytes', function () {
  this.timeout(120_000);
  const { open } = pages();

  const show = async (storage: Storage, options: PageOptions & { selection?: string } = {}): Promise<Inspector> => {
    const { handlers } = await inspectStorage(storage);
    const { selection, ...rest } = options;
    const shown = await open(handlers, { state: { pane: 'hex', ...(selection ? { selection } : {}) }, ...rest });
    await shown.ready('hex');
    return shown;
  };
  const status = (page: Page) => page.locator('.hex-status [role=status]');
  const reads = async (page: Page, pattern: RegExp): Promise<void> => {
    await status(page).filter({ hasText: pattern }).waitFor({ timeout: 10_000 });
  };

  it('shows the bytes of the file with the fields that they belong to', async () => {
    const { page } = await show(small().toStorage());
    const [first] = await rows(page);
    assert.equal(first?.[0], '00000000');
    assert.equal(first?.[1]?.replaceAll(' ', ''), '514649fb000000030000000000000000');
    assert.equal(first?.[2], 'QFI.............');
    assert.match(first?.[3] ?? '', /^header\.magic · version · backing_file_offset/);
  });

  it('paints every byte as it is in the file, wherever it is scrolled to', async () => {
    const storage = small().toStorage();
    const { page } = await show(storage);
    for (const key of ['Control+End', 'PageUp', 'ArrowUp', 'Control+Home', 'PageDown', 'PageDown']) {
      await page.locator('.bytes-scroll').press(key);
      await page.waitForTimeout(100);
      await loaded(page);
      const cells = await painted(page);
      assert(cells.length > 100);
      for (const { at, hex } of cells) {
        const [value] = storage.slice(BigInt(at), 1);
        assert(
          hex === '·0' ? value === 0 : hex === value?.toString(16).padStart(2, '0'),
          `${at}: ${hex}, not ${value}`,
        );
      }
    }
  });

  it('goes through a file of 2^61 bytes: by row, by page, to its end, by the scrollbar', async () => {
    const storage = new MemoryStorage(2n ** 61n);
    storage.write(2n ** 61n - 3n, Uint8Array.of(0xaa, 0xbb, 0xcc));
    const { page } = await show(storage);
    const grid = page.locator('.bytes-scroll');
    await grid.press('Control+End');
    await reads(page, /0xcc 204/);
    const last = (await painted(page)).at(-1);
    assert.deepEqual(last, { at: String(2n ** 61n - 1n), hex: 'cc' });
    await grid.press('ArrowUp');
    await reads(page, /0x1fff_ffff_ffff_ffef/);
    await grid.evaluate((box) => {
      box.scrollTop = box.scrollHeight / 2;
    });
    await page.waitForTimeout(200);
    const [middle] = await painted(page);
    const at = BigInt(middle?.at ?? 0);
    assert(at > 2n ** 59n && at < 2n ** 61n - 2n ** 59n, `${at}`);
    await grid.hover();
    await page.mouse.wheel(0, 100);
    await page.waitForTimeout(200);
    const [moved] = await painted(page);
    const rowsMoved = (BigInt(moved?.at ?? 0) - at) / 16n;
    assert(rowsMoved > 0n && rowsMoved < 10n, `${rowsMoved} rows`);
  });

  it('shows the guest’s bytes: data, zeros as such, decompressed ones, and what does not decompress with its place', async () => {
    const { page } = await show(small().toStorage(), { selection: 'guest:0+18' });
    await reads(page, /0x67 103/);
    const [first] = await rows(page);
    assert.equal(first?.[2], 'guest data: need');
    const grid = page.locator('.bytes-scroll');
    const at = async (offset: string): Promise<string[]> => {
      await page.evaluate((place) => {
        const text = `guest:${place}+1`;
        const [, start] = /guest:(\d+)/.exec(text) ?? [];
        const select = new Event('qcow2-select', { bubbles: true, composed: true });
        Object.assign(select, { selection: { kind: 'guest', start: BigInt(start ?? 0), length: 1n }, pane: 'hex' });
        document.querySelector('qcow2-hex-pane')?.dispatchEvent(select);
      }, offset);
      await page.waitForFunction((place) => document.querySelector('.cursor.byte')?.id === `byte-${place}`, offset);
      await loaded(page);
      const own = await page
        .locator('.bytes-row', { has: page.locator(`#byte-${offset}`) })
        .evaluate((row) => [...row.children].map((cell) => cell.textContent?.replaceAll(/\s*\n\s*/g, '') ?? ''));
      return own;
    };
    assert.match((await at('65536'))[1] ?? '', /^(·0){16}$/);
    await reads(page, /zero: reads as zeros/);
    assert.equal((await at('131072'))[2], 'squeezed squeeze');
    await reads(page, /compressed data, decompressed · compressed data at host 0x6_0010/);
    assert.match((await at('196608'))[1] ?? '', /^(\?\?){16}$/);
    await reads(page, /does not decompress · .*at host offset 0x70020/);
    assert.match((await at('262144'))[1] ?? '', /^(·0){16}$/);
    await reads(page, /unallocated: reads as zeros/);
    await grid.press('Control+Home');
    await reads(page, /host 0x5_0000 · L1\[0\] → L2\[0\]/);
  });

  it('says of what comes from a backing file that it is not opened', async () => {
    const image = new ImageBuilder({ size: 1n << 20n });
    const { page } = await show(image.backing('base.raw', 'raw').toStorage(), { selection: 'guest:0+1' });
    await reads(page, /comes from the backing file \(not opened\)/);
    assert.match((await rows(page))[0]?.[1] ?? '', /^(\?\?){16}$/);
  });

  it('selects what a byte is: a field, an entry, else the byte', async () => {
    const { page } = await show(small().toStorage());
    await page.locator('#byte-45').click();
    await page.locator('.inspector-title', { hasText: 'l1_table_offset' }).waitFor();
    assert.equal(await page.locator('.bytes-hex .marked').count(), 8);
    await reads(page, /header\.l1_table_offset/);
    const grid = page.locator('.bytes-scroll');
    await grid.press('Shift+ArrowRight');
    await grid.press('Shift+ArrowRight');
    await reads(page, /selected 0x2d \+ 3 bytes/);
    assert.equal(await page.locator('.bytes-hex .marked').count(), 3);
  });

  it('keeps what is being selected when the page is drawn anew for another reason', async () => {
    const { page } = await show(small().toStorage());
    await page.locator('#byte-300').click();
    const grid = page.locator('.bytes-scroll');
    await grid.press('Shift+ArrowRight');
    await page.locator('.inspector', { hasText: '2 bytes' }).waitFor();
    await grid.press('Shift+ArrowRight');
    await page.evaluate(() => {
      const app = document.querySelector('qcow2-app') as (HTMLElement & { session: EventTarget }) | null;
      app?.session.dispatchEvent(new Event('change'));
    });
    await page.waitForTimeout(400);
    assert.equal(await page.locator('.bytes-hex .marked').count(), 3);
  });

  it('brings a selection that was made elsewhere into view, and marks its bytes', async () => {
    const { page } = await show(small().toStorage(), { selection: 'l2-entry:0.2' });
    await reads(page, /0x4_0010 · .*L1\[0\] → L2\[2\]/);
    assert.deepEqual(
      await page.locator('.bytes-hex .marked').evaluateAll((cells) => cells.map(({ id }) => id)),
      Array.from({ length: 8 }, (_, index) => `byte-${262160 + index}`),
    );
  });

  it('finds text and bytes in both spaces, on and back, and says so where there is none', async () => {
    const { page } = await show(small().toStorage());
    await page.locator('.bytes-scroll').press('Control+f');
    const field = page.getByLabel('Find bytes');
    assert(await field.evaluate((input) => input === document.activeElement));
    await field.fill('51 46 49 fb');
    await field.press('Enter');
    const said = page.locator('qcow2-byte-search [role=status]');
    await said.filter({ hasText: 'Found at 0x0.' }).waitFor();
    await field.press('Enter');
    await said.filter({ hasText: 'Found at 0x0, past the other end' }).waitFor();
    await page.locator('#byte-form').selectOption('utf-8');
    await field.fill('needle');
    await field.press('Enter');
    await said.filter({ hasText: 'Found at 0x5_000c' }).waitFor();
    await page.locator('#byte-space').selectOption('1');
    await field.press('Enter');
    await said.filter({ hasText: 'Found at 0xc.' }).waitFor();
    assert.equal(await page.locator('.bytes-hex .marked').count(), 6);
    await field.fill('nowhere');
    await field.press('Shift+Enter');
    await said.filter({ hasText: 'Not found. 64 KiB that are not known were passed over.' }).waitFor();
    await page.locator('#byte-form').selectOption('hex');
    await field.fill('5');
    await field.press('Enter');
    await said.filter({ hasText: 'pairs of hex digits' }).waitFor();
  });

  it('says that there are no bytes, and shows nothing about them', async () => {
    const { page } = await show(new MemoryStorage(new Uint8Array()));
    await page.getByText('There are no bytes.').waitFor();
    assert.equal(await page.locator('qcow2-bytes, .hex-status, .numbers').count(), 0);
  });

  it('names the snapshot whose bytes it shows', async () => {
    const { page } = await show(oneSnapshot().toStorage());
    await page.locator('#byte-space').selectOption({ label: 'Guest disk, Snapshot 0: s' });
    await reads(page, /^0x0 · .* · host 0x8_0000 · Snapshot 0: s · L1\[0\] → L2\[0\]$/);
  });

  it('shows the bytes of a snapshot that is not listed by name, by its number', async () => {
    const { handlers } = await inspectStorage(oneSnapshot().toStorage());
    const { page, ready } = await open(
      {
        ...handlers,
        describe: async (...args) => {
          const image = await handlers.describe(...args);
          return { ...image, snapshots: { ...image.snapshots, items: [], count: 1 } };
        },
      },
      { state: { pane: 'hex' } },
    );
    await ready('hex');
    const field = page.getByLabel(/snapshot number \(0 to 0\)/);
    await field.fill('1');
    await field.press('Enter');
    await reads(page, /header\.magic/);
    await field.fill('0');
    await field.press('Enter');
    await reads(page, /host 0x8_0000 · Snapshot 0 · L1\[0\] → L2\[0\]$/);
    const shown = await page
      .locator('#byte-space')
      .evaluate((list: HTMLSelectElement) => list.selectedOptions[0]?.text);
    assert.equal(shown, 'Guest disk, Snapshot 0');
  });

  it('has the numbers at the cursor in both byte orders', async () => {
    const { page } = await show(small().toStorage(), { selection: 'field:version' });
    await reads(page, /header\.version/);
    const numbers = await page.locator('.numbers').innerText();
    assert.match(numbers, /u32\s+BE 3\s+LE 50\D331\D648/);
    assert.match(numbers, /u64\s+BE 12\D884\D901\D888/);
  });

  it('keeps place, cursor and space', async () => {
    const { page, messages } = await show(small().toStorage(), { selection: 'guest:131072+5' });
    await reads(page, /compressed data/);
    await page.waitForTimeout(500);
    const state = messages.findLast(({ type }) => type === 'state');
    assert(state?.type === 'state');
    const again = await show(small().toStorage(), { state: state.state });
    await reads(again.page, /0x2_0000/);
    assert.equal(await again.page.locator('.bytes-hex .marked').count(), 5);
  });

  it('asks the host to save the selected bytes', async () => {
    const { page, messages } = await show(small().toStorage(), { selection: 'guest:65536+4096' });
    await reads(page, /0x1_0000/);
    await page.getByRole('button', { name: 'Save Bytes…' }).click();
    await page.waitForTimeout(100);
    const save = messages.find(({ type }) => type === 'save-bytes');
    assert(save?.type === 'save-bytes');
    assert.deepEqual(decode(save.body), { space: 'guest', start: 65536n, length: 4096n });
  });

  it('has nothing that axe objects to, in any theme', async () => {
    for (const [width, selection] of [
      [1400, 'field:size'],
      [600, 'guest:131072+5'],
      [1800, 'guest:65500+99'],
    ] as const) {
      const { page } = await show(small().toStorage(), { selection, size: { width, height: 900 } });
      await loaded(page);
      assert.deepEqual(await violationsInThemes(page), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      assert.equal(wide, false);
    }
  });
});
