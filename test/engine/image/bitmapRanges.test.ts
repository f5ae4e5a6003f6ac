import assert from 'node:assert/strict';
import type { Bitmap } from '../../../src/engine/format/bitmaps.ts';
import { unreadableBitmap, walkBitmap } from '../../../src/engine/image/bitmapRanges.ts';
import { type Geometry, geometryOf } from '../../../src/engine/image/geometry.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';

/** Clusters of 512 bytes: 4096 bits a cluster of data, 2 MiB of the disk at a granularity of 512. */
const clusterSize = 512n;
const reach = 4096n * 512n;
const table = 8n * clusterSize;

function bitmapOf(fields: Partial<Bitmap['fields']> = {}): Bitmap {
  return {
    index: 0,
    offset: 0n,
    fields: {
      bitmap_table_offset: table,
      bitmap_table_size: 4,
      flags: 0,
      type: 1,
      granularity_bits: 9,
      name_size: 1,
      extra_data_size: 0,
      ...fields,
    },
    extraData: new Uint8Array(0),
    nameBytes: Uint8Array.of(0x62),
  };
}

function geometry(size: bigint): Geometry {
  const fields = { version: 3, cluster_bits: 9, size, incompatible_features: 0n, refcount_order: 4 };
  const made = geometryOf(fields, 1n << 20n);
  assert(made);
  return made;
}

/** A file with a bitmap table of these entries, and data at cluster 16 and 17. */
function file(entries: readonly bigint[], ...data: readonly Uint8Array[]): MemoryStorage {
  const storage = new MemoryStorage(1n << 20n);
  const bytes = new Uint8Array(entries.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, entry] of entries.entries()) {
    view.setBigUint64(index * 8, entry);
  }
  storage.write(table, bytes);
  for (const [index, part] of data.entries()) {
    storage.write((16n + BigInt(index)) * clusterSize, part);
  }
  return storage;
}

const first = 16n * clusterSize;
const second = 17n * clusterSize;

async function rangesOf(storage: Storage, bitmap: Bitmap, size: bigint, from = 0n, most = Infinity) {
  const ranges: [string, bigint, bigint][] = [];
  await walkBitmap(storage, geometry(size), bitmap, from, (...range) => ranges.push(range) < most, noProgress);
  return ranges;
}

describe('the dirty ranges of a bitmap', () => {
  it('are its set bits, the lowest of a byte first', async () => {
    const storage = file([first], Uint8Array.of(0b1000_0001, 0xff, 0b0000_0110));
    assert.deepEqual(await rangesOf(storage, bitmapOf({ bitmap_table_size: 1 }), reach), [
      ['dirty', 0n, 512n],
      ['dirty', 7n * 512n, 9n * 512n],
      ['dirty', 17n * 512n, 2n * 512n],
    ]);
  });

  it('go on from one cluster of data to the next, over entries without data', async () => {
    const end = new Uint8Array(512);
    end[511] = 0x80;
    const storage = file([first, 1n, second, 0n], end, Uint8Array.of(1));
    assert.deepEqual(await rangesOf(storage, bitmapOf(), 4n * reach), [['dirty', reach - 512n, reach + 1024n]]);
  });

  it('end with the disk: bits past it stand for nothing', async () => {
    const storage = file([first, first], new Uint8Array(512).fill(0xff));
    assert.deepEqual(await rangesOf(storage, bitmapOf(), 700n), [['dirty', 0n, 700n]]);
    assert.deepEqual(await rangesOf(storage, bitmapOf({ granularity_bits: 31 }), 3n << 31n), [
      ['dirty', 0n, 3n << 31n],
    ]);
  });

  it('can be asked for from any byte on, and for a few', async () => {
    const storage = file([first, 0n, 1n], Uint8Array.of(0b0101_0101));
    const bitmap = bitmapOf({ bitmap_table_size: 3 });
    assert.deepEqual(await rangesOf(storage, bitmap, 3n * reach, 1100n, 2), [
      ['dirty', 1100n, 436n],
      ['dirty', 2048n, 512n],
    ]);
    const counted = new CountingStorage(storage);
    assert.deepEqual(await rangesOf(counted, bitmap, 3n * reach, reach + 1n), [['dirty', 2n * reach, reach]]);
    assert.equal(counted.touched(first, 512n), false);
  });

  it('are not known where an entry is wrong or data can’t be read', async () => {
    const wrong = file([2n, first + 1n, 1n << 56n, 0n]);
    assert.deepEqual(await rangesOf(wrong, bitmapOf(), 4n * reach), [['unknown', 0n, 3n * reach]]);
    const storage = file([first, second], new Uint8Array(512).fill(0xff), new Uint8Array(512).fill(0xff));
    const bad = new FailingStorage(storage, [{ sector: 17 }]);
    assert.deepEqual(await rangesOf(bad, bitmapOf({ bitmap_table_size: 2 }), 2n * reach), [
      ['dirty', 0n, reach],
      ['unknown', reach, reach],
    ]);
    const noTable = new FailingStorage(storage, [{ sector: 8 }]);
    assert.deepEqual(await rangesOf(noTable, bitmapOf({ bitmap_table_size: 2 }), 2n * reach), [
      ['unknown', 0n, 2n * reach],
    ]);
  });

  it('are not known past a table that is too small', async () => {
    assert.deepEqual(await rangesOf(file([1n]), bitmapOf({ bitmap_table_size: 1 }), 3n * reach + 100n), [
      ['dirty', 0n, reach],
      ['unknown', reach, 2n * reach + 100n],
    ]);
  });

  it('are none past the end of the file: it reads as zeros', async () => {
    const storage = file([1n << 40n]);
    assert.deepEqual(await rangesOf(storage, bitmapOf({ bitmap_table_size: 1 }), reach), []);
  });

  it('take a read for each cluster of data, not for each range', async () => {
    const storage = new CountingStorage(file([first, first, first], new Uint8Array(512).fill(0x55)));
    assert.equal((await rangesOf(storage, bitmapOf({ bitmap_table_size: 3 }), 3n * reach)).length, 3 * 2048);
    assert.equal(storage.calls, 2);
  });
});

describe('a bitmap', () => {
  for (const [what, fields, says] of [
    ['of another type', { type: 2 }, /type is 2/],
    ['with a granularity of 2^64 bytes', { granularity_bits: 64 }, /2\^64/],
    ['without a table', { bitmap_table_offset: 0n }, /0x0 is not that of a cluster/],
    ['with a table between clusters', { bitmap_table_offset: 100n }, /0x64/],
    ['with too large a table', { bitmap_table_size: 0x8000001 }, /134217729 entries/],
  ] as const) {
    it(`${what} can’t be read`, () => {
      assert.match(unreadableBitmap(bitmapOf(fields), geometry(reach)) ?? '', says);
    });
  }

  it('of the largest granularity and table can be read', () => {
    const largest = bitmapOf({ granularity_bits: 63, bitmap_table_size: 0x8000000 });
    assert.equal(unreadableBitmap(largest, geometry(reach)), undefined);
  });
});
