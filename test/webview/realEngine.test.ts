import assert from 'node:assert/strict';
import type { Storage } from '../../src/engine/ports.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import { copied, ImageBuilder, zero } from '../support/builder.ts';
import { FailingStorage, MemoryStorage } from '../support/memoryStorage.ts';
import type { Inspector } from './page.ts';
import { pages } from './pages.ts';

/** A disk of 1 MiB, 16 clusters: data, zeros, data; the rest unallocated. */
function small(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 1n << 20n, ...values });
  image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5));
  image.entry(4, 1, zero).entry(4, 2, copied | image.at(6));
  image.put(image.at(5), 'guest data').put(image.at(6), 'more of it');
  return image.refcount(4, 1).refcount(5, 1).refcount(6, 1).truncate(image.at(7));
}

describe('the page, with the engine behind it', function () {
  this.timeout(60_000);
  const { open } = pages();

  const show = async (storage: Storage, pane: string): Promise<Inspector> =>
    open((await inspectStorage(storage)).handlers, { state: { pane } });

  it('counts the clusters of the guest by kind, exactly', async () => {
    const { page, ready } = await show(small().toStorage(), 'map');
    await ready('map');
    const map = page.locator('[data-space=guest]');
    await map.locator('.legend-numbers .number').first().waitFor();
    const legend = (await map.locator('.map-legend').first().locator('li').allInnerTexts()).map((text) =>
      text.replaceAll(/\s+/g, ' ').trim(),
    );
    assert.deepEqual(legend, ['data 2 (128 KiB)', 'zero 1 (64 KiB)', 'unallocated 13 (832 KiB)']);
    assert.match(await map.locator('.legend-none').innerText(), /^none: compressed · zero, allocated · wrong$/);
    const rows = await page.locator('#extents .grid-body [role=row]').allInnerTexts();
    assert.deepEqual(
      rows.map((text) => text.split(/\s*\n\s*/).slice(0, 4)),
      [
        ['0x0', '64 KiB', 'data', '0x5_0000'],
        ['0x1_0000', '64 KiB', 'zero', '–'],
        ['0x2_0000', '64 KiB', 'data', '0x6_0000'],
        ['0x3_0000', '832 KiB', 'unallocated', '–'],
      ],
    );
  });

  it('accounts for all clusters of the file in the overview', async () => {
    const { page, ready } = await show(small().refcount(7, 2).truncate(small().at(8)).toStorage(), 'overview');
    await ready('overview');
    const bar = page.locator('figure', { hasText: 'File, in whole clusters' });
    const text = (await bar.innerText()).replaceAll(/\s+/g, ' ');
    assert.match(text, /^File, in whole clusters 512 KiB /);
    assert.match(text, / free 0 bytes leaked 64 KiB \(12\.5 %\)$/);
  });

  it('counts the clusters of the file by kind, leaked ones once the references are counted', async () => {
    const { page, ready } = await show(small().refcount(7, 2).truncate(small().at(8)).toStorage(), 'map');
    await ready('map');
    const map = page.locator('[data-space=host]');
    await map.getByText('in use, owner not known yet').first().waitFor();
    await map.getByRole('button', { name: 'Count', exact: true }).click();
    await map.getByRole('button', { name: 'Next: leaked' }).click();
    await page.locator('.inspector dd').first().getByText('0x7_0000').waitFor();
    const legend = (await map.locator('.map-legend').first().locator('li').allInnerTexts()).map((text) =>
      text.replaceAll(/\s+/g, ' ').trim(),
    );
    assert.deepEqual(legend, [
      'header 1 (64 KiB)',
      'L1 table 1 (64 KiB)',
      'L2 table 1 (64 KiB)',
      'refcount table 1 (64 KiB)',
      'refcount block 1 (64 KiB)',
      'data 2 (128 KiB)',
      'leaked 1 (64 KiB)',
    ]);
  });

  it('has the bytes of the header, field by field', async () => {
    const { page, ready } = await show(small().toStorage(), 'header');
    await ready('header');
    const text = await page.locator('[data-field=l1_table_offset]').innerText();
    assert.match(text, /40\s+8\s+l1_table_offset\s+00 00 00 00 00 03 00 00\s+0x3_0000\s+cluster 3/);
  });

  it('says what version 2 takes for the fields that it lacks', async () => {
    const { page, ready } = await show(small({ version: 2 }).toStorage(), 'header');
    await ready('header');
    const order = await page.locator('[data-field=refcount_order]').innerText();
    assert.match(order, /not in version 2; counts as 4/);
    assert.match(await page.locator('[data-field=header_length]').innerText(), /counts as 72/);
  });

  it('shows the rest of an image of which a part cannot be read', async () => {
    const image = small();
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(4) / 512n }]);
    const { page, ready } = await show(storage, 'overview');
    await ready('overview');
    assert.match(await page.locator('.findings').innerText(), /can’t be read: Input\/output error/);
    await page.getByRole('tab', { name: 'Header' }).click();
    await ready('header');
    assert.match(await page.locator('.fields').innerText(), /0x3_0000/);
  });

  it('says of an empty file that it is empty', async () => {
    const { page, ready } = await show(new MemoryStorage(), 'overview');
    await ready('overview');
    assert.match(await page.locator('.statement').innerText(), /The file is empty/);
  });
});
