import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { compareDigests, type TableDigests, tableDigests } from '../../../src/engine/image/tableDigests.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder, zero } from '../../support/builder.ts';

/** 512 MiB a table. */
const size = 3n * (512n << 20n);

/** A disk of three L2 tables' size, whose first table is in cluster 4 and has one entry. */
function image(): ImageBuilder {
  const builder = new ImageBuilder({ size });
  return builder.l1(0, copied | builder.at(4)).entry(4, 0, copied | builder.at(8));
}

async function digestsOf(builder: ImageBuilder): Promise<TableDigests> {
  const found = await tableDigests(await openImage(builder.truncate(builder.at(12)).toStorage()), noProgress);
  assert.ok(found);
  return found;
}

/** The L1 indices of the tables that differ. */
async function compare(before: ImageBuilder, after: ImageBuilder) {
  const { added, removed, changed } = compareDigests(await digestsOf(before), await digestsOf(after));
  return { added: [...added], removed: [...removed], changed: [...changed] };
}

describe('the digests of L2 tables', () => {
  it('are the same for the same tables', async () => {
    assert.deepEqual(await compare(image(), image()), { added: [], removed: [], changed: [] });
  });

  it('are others for another entry anywhere in the table, even one bit of it', async () => {
    for (const entry of [0, 1, 4095, 8191]) {
      const found = await compare(image().entry(4, entry, zero), image());
      assert.deepEqual(found, { added: [], removed: [], changed: [0] }, String(entry));
    }
    assert.equal((await compare(image().entry(4, 7, 1n << 63n), image().entry(4, 7, 1n << 62n))).changed.length, 1);
  });

  it('are others for two entries that have changed places', async () => {
    const one = image()
      .entry(4, 1, copied | (9n << 16n))
      .entry(4, 2, copied | (10n << 16n));
    const other = image()
      .entry(4, 1, copied | (10n << 16n))
      .entry(4, 2, copied | (9n << 16n));
    assert.equal((await compare(one, other)).changed.length, 1);
  });

  it('are others for a table that was moved', async () => {
    const moved = new ImageBuilder({ size });
    moved.l1(0, copied | moved.at(5)).entry(5, 0, copied | moved.at(8));
    assert.deepEqual(await compare(image(), moved), { added: [], removed: [], changed: [0] });
  });

  it('tell tables that were added and removed', async () => {
    const more = image();
    more.l1(1, copied | more.at(6)).l1(2, copied | more.at(7));
    assert.deepEqual(await compare(image(), more), { added: [1, 2], removed: [], changed: [] });
    assert.deepEqual(await compare(more, image()), { added: [], removed: [1, 2], changed: [] });
    const other = image().entry(4, 3, zero);
    other.l1(2, copied | other.at(7));
    assert.deepEqual(await compare(more, other), { added: [], removed: [1], changed: [0] });
  });

  it('are not there where nothing is known of tables', async () => {
    const storage = new ImageBuilder().put(0n, 'no image').toStorage();
    assert.equal(await tableDigests(await openImage(storage), noProgress), undefined);
  });
});
