import assert from 'node:assert/strict';
import { noProgress } from '../../src/engine/ports.ts';
import type { ExtentRow } from '../../src/protocol/mapApi.ts';
import { extentPage } from '../../src/worker/extentPage.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { layerAt } from './layers.ts';

const kib64 = 65536n;
const table = 8192n * kib64;

/** Three L2 tables' worth of disk, of which the second one is missing. */
async function image() {
  const storage = new ImageBuilder({ size: 3n * table - 100n })
    .l1(0, copied | (4n * kib64))
    .l1(2, copied | (5n * kib64))
    .entry(4, 0, copied | (8n * kib64))
    .entry(4, 1, copied | (9n * kib64))
    .entry(4, 2, copied | (11n * kib64))
    .entry(4, 3, compressed | (12n * kib64 + 77n))
    .entry(4, 4, zero)
    .entry(4, 8191, copied | (13n * kib64) | zero)
    .entry(5, 8191, copied | (14n * kib64))
    .truncate(15n * kib64)
    .toStorage();
  return { storage, layer: await layerAt(storage, { size: 3n * table - 100n }, { offset: 3n * kib64, entries: 3 }) };
}

const rows: readonly ExtentRow[] = [
  { start: 0n, length: 2n * kib64, kind: 'data', host: 8n * kib64, chain: 'L1[0] -> L2[0…1]' },
  { start: 2n * kib64, length: kib64, kind: 'data', host: 11n * kib64, chain: 'L1[0] -> L2[2]' },
  { start: 3n * kib64, length: kib64, kind: 'compressed', host: 12n * kib64 + 77n, chain: 'L1[0] -> L2[3]' },
  { start: 4n * kib64, length: kib64, kind: 'zero-plain', chain: 'L1[0] -> L2[4]' },
  { start: 5n * kib64, length: 8186n * kib64, kind: 'unallocated', chain: 'L1[0] -> L2[5…8190]' },
  { start: 8191n * kib64, length: kib64, kind: 'zero-allocated', host: 13n * kib64, chain: 'L1[0] -> L2[8191]' },
  { start: table, length: table + 8191n * kib64, kind: 'unallocated', chain: 'L1[1] -> L2[0] … L1[2] -> L2[8190]' },
  { start: 3n * table - kib64, length: kib64 - 100n, kind: 'data', host: 14n * kib64, chain: 'L1[2] -> L2[8191]' },
];

describe('a page of extents', () => {
  it('has every run of the disk, to its last byte, with its chain', async () => {
    const { storage, layer } = await image();
    assert.deepEqual(await extentPage({ storage }, layer, { from: 0n, count: 100 }, noProgress), { rows });
  });

  it('goes on where the last one ended, whatever its size', async () => {
    const { storage, layer } = await image();
    for (const count of [1, 2, 3, 5, 8]) {
      const all: ExtentRow[] = [];
      for (let from: bigint | undefined = 0n; from !== undefined; ) {
        const page: { rows: readonly ExtentRow[]; next?: bigint } = await extentPage(
          { storage },
          layer,
          { from, count },
          noProgress,
        );
        assert.ok(page.rows.length <= count);
        all.push(...page.rows);
        from = page.next;
      }
      assert.deepEqual(all, rows);
    }
  });

  it('may begin within a run', async () => {
    const { storage, layer } = await image();
    const { rows: found, next } = await extentPage({ storage }, layer, { from: kib64, count: 1 }, noProgress);
    assert.deepEqual(found, [{ start: kib64, length: kib64, kind: 'data', host: 9n * kib64, chain: 'L1[0] -> L2[1]' }]);
    assert.equal(next, 2n * kib64);
  });

  it('names the L1 entries alone where they have no table', async () => {
    const storage = new ImageBuilder({ size: 3n * table }).toStorage();
    const layer = await layerAt(storage, { size: 3n * table }, { offset: 3n * kib64, entries: 3 });
    assert.deepEqual(await extentPage({ storage }, layer, { from: 0n, count: 9 }, noProgress), {
      rows: [{ start: 0n, length: 3n * table, kind: 'unallocated', chain: 'L1[0…2]' }],
    });
  });

  it('names subclusters, and starts at any of them', async () => {
    const storage = new ImageBuilder({ size: 2n * kib64, incompatible_features: 0x10 })
      .l1(0, copied | (4n * kib64))
      .entry(4, 0, copied | (5n * kib64), 0xffn | (0xff00n << 32n))
      .truncate(6n * kib64)
      .toStorage();
    const layer = await layerAt(
      storage,
      { size: 2n * kib64, incompatible_features: 0x10n },
      { offset: 3n * kib64, entries: 1 },
    );
    const { rows: found } = await extentPage({ storage }, layer, { from: 4096n, count: 9 }, noProgress);
    assert.deepEqual(found, [
      {
        start: 4096n,
        length: 12288n,
        kind: 'data',
        host: 5n * kib64 + 4096n,
        chain: 'L1[0] -> L2[0], subclusters 2…7',
      },
      {
        start: 16384n,
        length: 16384n,
        kind: 'zero-allocated',
        host: 5n * kib64 + 16384n,
        chain: 'L1[0] -> L2[0], subclusters 8…15',
      },
      {
        start: 32768n,
        length: 32768n,
        kind: 'unallocated',
        host: 5n * kib64 + 32768n,
        chain: 'L1[0] -> L2[0], subclusters 16…31',
      },
      { start: kib64, length: kib64, kind: 'unallocated', chain: 'L1[0] -> L2[1]' },
    ]);
  });

  it('ends with what the L1 table does not reach', async () => {
    const storage = new ImageBuilder({ size: 3n * table }).toStorage();
    const layer = await layerAt(storage, { size: 3n * table }, { offset: 3n * kib64, entries: 2 });
    const beyond = { start: 2n * table, length: table, kind: 'wrong', chain: 'past L1[1]' };
    const first = await extentPage({ storage }, layer, { from: 0n, count: 1 }, noProgress);
    assert.equal(first.next, 2n * table);
    assert.deepEqual(await extentPage({ storage }, layer, { from: 2n * table, count: 1 }, noProgress), {
      rows: [beyond],
    });
    assert.deepEqual(await extentPage({ storage }, layer, { from: 2n * table + 512n, count: 1 }, noProgress), {
      rows: [{ ...beyond, start: 2n * table + 512n, length: table - 512n }],
    });
  });

  it('is empty past the end of the disk', async () => {
    const { storage, layer } = await image();
    assert.deepEqual(await extentPage({ storage }, layer, { from: 2n ** 63n, count: 1 }, noProgress), { rows: [] });
  });

  it('is refused for no rows or too many', async () => {
    const { storage, layer } = await image();
    for (const count of [0, -1, 1.5, 1e6]) {
      await assert.rejects(extentPage({ storage }, layer, { from: 0n, count }, noProgress), { code: 'bad-argument' });
    }
  });
});
