import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { readSnapshots } from '../../../src/engine/image/snapshotTable.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';
import { appliedAt, changed, deletedAt, small, taken } from './snapshotImages.ts';

describe('what nobody knows survives', function () {
  this.timeout(30_000);

  for (const [verb, plan] of [
    ['taking', taken],
    ['applying', appliedAt(0)],
    ['deleting', deletedAt(0)],
  ] as const) {
    it(`${verb} a snapshot, but for unknown autoclear bits`, async () => {
      const image = small({ header_length: 120, compatible_features: 1n << 33n });
      image.put(112, 'unknown!').extension(0x12345678, 'second').extension(0x11111111, 'first');
      const start = await changed(image.toStorage(), taken);
      start.write(88n, Uint8Array.of(0x80));
      const now = await changed(start, plan);
      assert.deepEqual(now.slice(104n, 512 - 104), start.slice(104n, 512 - 104));
      assert.deepEqual([now.slice(80n, 8), now.slice(88n, 8)], [start.slice(80n, 8), new Uint8Array(8)]);
    });
  }

  it('in other snapshots’ entries', async () => {
    const one = await changed(small().toStorage(), taken);
    const extended = await withExtra(one, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const [before] = await entries(extended);
    const [kept, second] = await entries(await changed(extended, taken));
    assert.deepEqual(kept, before);
    assert.equal(second?.length, 40 + 24 + 1 + 3);
    const [left] = await entries(await changed(extended, taken, deletedAt(1)));
    assert.deepEqual(left, before);
  });
});

async function entries(storage: MemoryStorage): Promise<Uint8Array[]> {
  const { header } = await openImage(storage);
  assert.ok(header);
  return (await readSnapshots(storage, header)).map(({ bytes }) => bytes);
}

/** The image with more extra data in its only snapshot. */
async function withExtra(image: MemoryStorage, extra: Uint8Array): Promise<MemoryStorage> {
  const now = image.clone();
  const { header } = await openImage(now);
  const [entry] = await entries(now);
  assert.ok(header && entry);
  const longer = Buffer.concat([entry.subarray(0, 64), extra, entry.subarray(64)]);
  longer.writeUInt32BE(24 + extra.length, 36);
  now.write(header.snapshots_offset, longer);
  return now;
}
