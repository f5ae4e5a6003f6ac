import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { snapshotUse } from '../../../src/engine/image/snapshotUse.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import type { ImageBuilder } from '../../support/builder.ts';
import { FailingStorage } from '../../support/memoryStorage.ts';
import { oneSnapshot } from '../../support/oneSnapshot.ts';

async function useOf(image: ImageBuilder): ReturnType<typeof snapshotUse> {
  return snapshotUse(await openImage(image.toStorage()), 0, noProgress);
}

describe('the clusters of a snapshot', () => {
  it('are its own or shared, and its own get free', async () => {
    const use = await useOf(oneSnapshot());
    assert.deepEqual(use, {
      exclusive: { tables: 2, data: 1 },
      withActive: { tables: 0, data: 1 },
      withSnapshots: { tables: 0, data: 0 },
      withBoth: { tables: 0, data: 0 },
      freed: { tables: 2, data: 1 },
      snapshotTable: { before: 1, after: 0 },
      refcountTooLow: 0,
      flawed: 0,
      pastEnd: 0,
    });
  });

  it('stay allocated where a refcount is higher than the number of references', async () => {
    const use = await useOf(oneSnapshot().refcount(9, 2));
    assert.deepEqual([use.exclusive.data, use.freed.data, use.refcountTooLow], [1, 0, 0]);
  });

  it('have a refcount that is too low where QEMU would fail', async () => {
    const use = await useOf(oneSnapshot().refcount(9, 0).refcount(6, 0));
    assert.deepEqual([use.freed.data, use.freed.tables, use.refcountTooLow], [0, 1, 2]);
  });

  it('get free with a refcount that is too low although the active layer has them', async () => {
    const use = await useOf(oneSnapshot().refcount(8, 1));
    assert.deepEqual([use.exclusive.data, use.withActive.data, use.freed.data], [1, 1, 2]);
  });

  it('past the end of the file are told apart', async () => {
    const image = oneSnapshot();
    const use = await useOf(image.entry(6, 3, image.at(5000)).truncate(image.at(11)));
    assert.deepEqual([use.pastEnd, use.exclusive.data], [1, 1]);
  });

  it('are not known behind entries that lead between clusters or can’t be read', async () => {
    const image = oneSnapshot();
    const unaligned = await useOf(image.entry(6, 3, image.at(9) + 512n));
    assert.equal(unaligned.flawed, 1);
    const bad = new FailingStorage(oneSnapshot().toStorage(), [{ sector: (6 * 65536) / 512 }]);
    assert.equal((await snapshotUse(await openImage(bad), 0, noProgress)).flawed, 64);
  });

  it('can’t be counted where the L1 table is not at a cluster, or for a snapshot that there is not', async () => {
    const image = oneSnapshot();
    await assert.rejects(useOf(image.put64(image.at(4), image.at(5) + 512n)), { code: 'damaged' });
    const opened = await openImage(oneSnapshot().toStorage());
    await assert.rejects(snapshotUse(opened, 1, noProgress), { code: 'not-found' });
  });
});
