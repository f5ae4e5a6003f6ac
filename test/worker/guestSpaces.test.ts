import assert from 'node:assert/strict';
import { copied, ImageBuilder, zero } from '../support/builder.ts';
import { CountingStorage } from '../support/memoryStorage.ts';
import { clustersOf, kindsOf, mapOf } from './mapCalls.ts';

const kib64 = 65536n;

/** 8 clusters, the first two data; two snapshots: one of 4 clusters that has the second one alone, one of zeros. */
function withSnapshots(): ImageBuilder {
  const image = new ImageBuilder({ size: 8n * kib64, nb_snapshots: 2, snapshots_offset: 8n * kib64 });
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, image.at(6));
  for (const [index, size] of [4n, 8n].entries()) {
    const entry = image.at(8) + BigInt(index) * 56n;
    image
      .put64(entry, image.at(9 + index))
      .put32(entry + 8n, 1)
      .put32(entry + 36n, 16)
      .put64(entry + 48n, size * kib64);
  }
  image.put64(image.at(9), image.at(11)).entry(11, 1, image.at(6));
  image.put64(image.at(10), image.at(12)).entry(12, 0, zero).entry(12, 7, zero);
  return image.truncate(image.at(16));
}

describe('the map of a snapshot', () => {
  it('is of its own tables and its own size', async () => {
    const { picture, counts, extents } = await mapOf(withSnapshots().toStorage());
    const whole = { space: 'guest', start: 0n, length: 8n * kib64, cells: 8 } as const;
    const active = await picture(whole);
    assert.deepEqual(kindsOf('guest', active.parts, active.cells).slice(0, 3), ['data', 'data', 'unallocated']);
    const first = await picture({ ...whole, snapshot: 0 });
    assert.equal(first.size, 4n * kib64);
    assert.deepEqual(kindsOf('guest', first.parts, first.cells), ['unallocated', 'data', 'unallocated', 'unallocated']);
    const second = await counts({ space: 'guest', snapshot: 1, start: 0n, length: 8n * kib64 });
    assert.deepEqual(clustersOf('guest', second), { 'zero-plain': 2, unallocated: 6 });
    const { rows } = await extents({ from: 0n, count: 10, snapshot: 0 });
    assert.deepEqual(
      rows.map(({ kind, length }) => `${length / kib64} ${kind}`),
      ['1 unallocated', '1 data', '2 unallocated'],
    );
  });

  it('is not there for a snapshot that is not', async () => {
    const { picture } = await mapOf(withSnapshots().toStorage());
    const request = { space: 'guest', snapshot: 2, start: 0n, length: 1n, cells: 1 } as const;
    await assert.rejects(picture(request), { code: 'not-found' });
  });
});

describe('the guest’s map', () => {
  it('counts subclusters exactly, to the end of the disk', async () => {
    // Subclusters of 2 KiB: 3 of data, 5 of zeros, and the disk ends within the ninth.
    const size = 8n * 2048n + 512n;
    const image = new ImageBuilder({ size, incompatible_features: 0x10 });
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5), 0b111n | (0xf8n << 32n));
    const { counts } = await mapOf(image.truncate(image.at(6)).toStorage());
    const { kinds, clusters } = await counts({ space: 'guest', start: 0n, length: size });
    const bytes = kinds.map((kind) => kind.bytes);
    assert.deepEqual(bytes, [3n * 2048n, 0n, 5n * 2048n, 0n, 512n, 0n, 0n, 0n, 0n, 0n]);
    assert.equal(kinds[0]?.clusters, 3 / 32);
    assert.deepEqual(clusters, { allocated: 1, compressed: 0, fragmented: 0 });
  });

  it('is stepped through by runs, however the host clusters lie', async () => {
    const image = new ImageBuilder({ size: 100_000n * kib64 });
    image.l1(0, copied | image.at(10)).l1(1, copied | image.at(11));
    for (const [table, entry, host] of [
      [10, 3, 20],
      [10, 4, 30],
      [10, 8191, 25],
      [11, 0, 40],
    ] as const) {
      image.entry(table, entry, copied | image.at(host));
    }
    const storage = new CountingStorage(image.truncate(image.at(64)).toStorage());
    const { step, picture } = await mapOf(storage);
    await picture({ space: 'guest', start: 0n, length: 100_000n * kib64, cells: 64 });
    storage.reset();
    const data = { space: 'guest', kind: 'data' } as const;
    const run = { offset: 3n * kib64, length: 2n * kib64 };
    assert.deepEqual(await step({ ...data, from: 0n, direction: 'next' }), run);
    const across = { offset: 8191n * kib64, length: 2n * kib64 };
    assert.deepEqual(await step({ ...data, from: run.offset, direction: 'next' }), across);
    assert.equal(await step({ ...data, from: across.offset, direction: 'next' }), undefined);
    assert.deepEqual(await step({ ...data, from: 100_000n * kib64, direction: 'previous' }), across);
    assert.deepEqual(await step({ ...data, from: across.offset, direction: 'previous' }), run);
    assert.ok(storage.bytes <= 10 * 65536, `${storage.bytes} bytes read`);
    const rest = { offset: 8193n * kib64, length: (100_000n - 8193n) * kib64 };
    assert.deepEqual(await step({ space: 'guest', kind: 'unallocated', from: across.offset, direction: 'next' }), rest);
  });

  it('counts a part as it counts the whole', async () => {
    const image = new ImageBuilder({ size: 3000n * kib64 });
    image.l1(0, copied | image.at(10));
    for (let entry = 0; entry < 3000; entry += 3) {
      image.entry(10, entry, entry % 2 === 0 ? zero : copied | image.at(20 + entry));
    }
    const { counts } = await mapOf(image.truncate(image.at(4000)).toStorage());
    const sums = new Map<string, number>();
    for (let start = 0n; start < 3000n; start += 700n) {
      const part = await counts({ space: 'guest', start: start * kib64, length: 700n * kib64 });
      for (const [kind, clusters] of Object.entries(clustersOf('guest', part))) {
        sums.set(kind, (sums.get(kind) ?? 0) + clusters);
      }
      sums.set('fragmented', (sums.get('fragmented') ?? 0) + (part.clusters?.fragmented ?? 0));
    }
    const whole = await counts({ space: 'guest', start: 0n, length: 3000n * kib64 });
    assert.deepEqual(Object.fromEntries(sums), {
      ...clustersOf('guest', whole),
      fragmented: whole.clusters?.fragmented,
    });
    assert.deepEqual(clustersOf('guest', whole), { data: 500, 'zero-plain': 500, unallocated: 2000 });
    assert.equal(whole.clusters?.fragmented, 499);
  });
});
