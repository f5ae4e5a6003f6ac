import type { Page } from 'playwright-core';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';

/** Bytes of a cluster. */
export const kib64 = 65536n;

/** A disk with two L2 tables of which one has an entry of each kind, and two snapshots with the same L1 table. */
export function mixed(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 5n << 29n, nb_snapshots: 2, snapshots_offset: 20n * kib64, ...values });
  image.l1(0, copied | image.at(4)).l1(3, copied | (image.at(4) + 512n));
  image
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, zero)
    .entry(4, 3, compressed | (image.at(7) + 300n))
    .entry(4, 4, copied | (image.at(8) + 512n))
    .entry(4, 8000, copied | image.at(6));
  for (const index of [0, 1]) {
    const entry = image.at(20) + BigInt(index) * 64n;
    image
      .put64(entry, image.at(9 + index))
      .put32(entry + 8n, 5)
      .put16(entry + 12n, 1)
      .put16(entry + 14n, 4)
      .put32(entry + 36n, 16)
      .put64(entry + 48n, 5n << 29n)
      .put(entry + 56n, `${index}name`);
    image.put64(image.at(9 + index) + 8n, image.at(11));
  }
  image.entry(11, 17, image.at(6));
  return image.refcount(4, 1).refcount(5, 1).refcount(6, 3).truncate(image.at(21));
}

/** An L1 table of 4 million entries, of which two lead somewhere. */
export function huge(): ImageBuilder {
  const image = new ImageBuilder({ size: 1n << 51n, l1_size: 2 ** 22 });
  return image
    .l1(2_000_000, copied | image.at(4))
    .l1(2 ** 22 - 1, copied | image.at(5))
    .truncate(1n << 26n);
}

/** The rows in the page. */
export const rowsInPage = '#tables-grid .grid-body [role=row]';

/** The texts of the cells of the row with an entry. */
export async function cells(page: Page, entry: number): Promise<string[]> {
  const digits = String(entry).replaceAll(/\B(?=(\d{3})+$)/g, '\u202f');
  const row = page.locator(rowsInPage).filter({
    has: page.locator(`[role=gridcell]:first-child`, { hasText: new RegExp(`^${digits}(\\s|$)`) }),
  });
  await row.first().waitFor();
  const texts = await row.first().locator('[role=gridcell]').allInnerTexts();
  return texts.map((text) => text.replaceAll(/\s+/g, ' ').trim());
}

/** The index of the first entry whose row is wholly in view. */
export function topEntry(page: Page): Promise<number> {
  return page.evaluate((selector) => {
    const head = document.querySelector('#tables-grid .grid-head')?.getBoundingClientRect().bottom ?? 0;
    const rows = [...document.querySelectorAll(selector)];
    const first = rows.find((row) => row.getBoundingClientRect().top >= head - 1);
    return Number(first?.querySelector('[role=gridcell]')?.textContent?.replaceAll(/\D/g, ''));
  }, rowsInPage);
}

/** The same, once it is another one than before and stays. */
export async function restedTop(page: Page, before: number): Promise<number> {
  for (let last = before, same = 0; ; ) {
    await page.waitForTimeout(60);
    const top = await topEntry(page);
    same = top !== before && top === last ? same + 1 : 0;
    last = top;
    if (same === 4) {
      return top;
    }
  }
}

/** The way to the table, as it is said above it. */
export const way = (page: Page): Promise<string> =>
  page
    .locator('.table-way')
    .innerText()
    .then((text) =>
      text
        .trim()
        .split(/\s*\n\s*/)
        .join(' › '),
    );
