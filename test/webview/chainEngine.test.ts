import assert from 'node:assert/strict';
import type { Gate } from '../../src/engine/ports.ts';
import { FileAccess } from '../../src/worker/fileAccess.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';
import { pages } from './pages.ts';

const cluster = 65536;

/** A raw disk of 12 clusters, the third of which has data. */
function base(): MemoryStorage {
  const disk = new MemoryStorage(BigInt(12 * cluster));
  disk.write(BigInt(2 * cluster), new TextEncoder().encode('from below'.repeat(400)));
  return disk;
}

describe('the page on an image with a backing file, with the engine behind it', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('tells in the map what comes from the backing file only after it was opened', async () => {
    let opened = 0;
    const gate: Gate = {
      open: async (name) => {
        opened++;
        return { path: `/images/${name}`, identity: name, storage: base() };
      },
    };
    const image = new ImageBuilder({ size: BigInt(16 * cluster) }).backing('base.raw', 'raw');
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5));
    const storage = image.refcount(4, 1).refcount(5, 1).truncate(image.at(6)).toStorage();
    const access = new FileAccess({ path: '/images/top', virtual: false, trusted: true }, gate, () => undefined);
    const { handlers } = await inspectStorage(storage, access);
    const { page, ready } = await open(handlers, {
      state: { pane: 'map', selection: `guest:${2 * cluster}+${cluster}` },
    });
    const legend = async (): Promise<string[]> => {
      await ready('map');
      const guest = page.getByRole('list', { name: 'Kinds of the guest’s disk' });
      await guest.locator('.legend-numbers .number').first().waitFor();
      const rows = await guest.locator('li').allInnerTexts();
      return rows.map((text) => text.replaceAll(/\s+/g, ' ').trim());
    };
    assert.deepEqual(await legend(), ['data 1 (64 KiB)', 'from the backing file 15 (960 KiB)']);
    const inspector = page.locator('.inspector');
    await inspector.getByText('The backing file is not opened, so this is not known').waitFor();
    assert.equal(opened, 0);
    await page.getByRole('tab', { name: 'Chain' }).click();
    await ready('chain');
    await page.getByText('Open backing chain…').click();
    await page.getByText('Close backing chain').waitFor();
    assert.equal(opened, 1);
    await inspector.getByText('/images/base.raw').waitFor();
    assert.match(await inspector.innerText(), /backing: data[\s\S]*depth\s*1[\s\S]*0x2_0000/);
    await page.getByRole('tab', { name: 'Map', exact: true }).click();
    assert.deepEqual(await legend(), [
      'data 1 (64 KiB)',
      'backing: data 4 096 bytes (4 KiB)',
      'backing: zero 716 800 bytes (700 KiB)',
      'beyond the backing file 4 (256 KiB)',
    ]);
  });
});
