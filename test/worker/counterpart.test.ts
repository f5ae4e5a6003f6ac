import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Counterpart, CounterpartRequest } from '../../src/protocol/mapApi.ts';
import { RangeCover } from '../../src/worker/rangeCover.ts';
import { compressed, copied, ImageBuilder } from '../support/builder.ts';
import { CountingStorage, MemoryStorage } from '../support/memoryStorage.ts';
import { shuffledImage } from '../support/shuffledImage.ts';
import { mapOf } from './mapCalls.ts';

const kib64 = 65536n;

/** The ranges of an answer in clusters. */
function clusters({ ranges, complete }: Counterpart): string[] {
  const words = ranges.map(({ offset, length }) => `${offset / kib64}+${length / kib64}`);
  return complete ? words : [...words, 'or less'];
}

/** Guest clusters 0 to 2 at host clusters 5, 6 and 10, 3 compressed at the end of 7 and in 8; 8192 at 11. */
function scattered(): ImageBuilder {
  const image = new ImageBuilder({ size: 8200n * kib64, nb_snapshots: 1, snapshots_offset: 16n * kib64 });
  image
    .l1(0, copied | image.at(4))
    .l1(1, copied | image.at(12))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, copied | image.at(6))
    .entry(4, 2, copied | image.at(10))
    .entry(4, 3, compressed | (1n << 54n) | (image.at(8) - 512n))
    .entry(12, 0, copied | image.at(11));
  image
    .put64(image.at(16), image.at(17))
    .put32(image.at(16) + 8n, 1)
    .put32(image.at(16) + 36n, 16)
    .put64(image.at(16) + 48n, 4n * kib64);
  image.put64(image.at(17), image.at(18)).entry(18, 3, image.at(5));
  return image.truncate(image.at(20));
}

/** A disk of 16 GiB, each cluster allocated, in host order but for the metadata, or shuffled. */
function large(order: 'sequential' | 'shuffled'): MemoryStorage {
  const { metadata, clusters: count } = shuffledImage(2 ** 34, 1);
  if (order === 'sequential') {
    const view = new DataView(metadata.buffer);
    const data = count - 2 ** 18;
    for (let index = 0; index < 2 ** 18; index++) {
      view.setBigUint64(3 * 65536 + index * 8, copied | (BigInt(data + index) * kib64));
    }
  }
  const file = new MemoryStorage(BigInt(count) * kib64);
  file.write(0n, metadata);
  return file;
}

describe('the counterpart of a range', () => {
  const find = async (image: ImageBuilder, request: CounterpartRequest): Promise<string[]> =>
    clusters(await (await mapOf(image.toStorage())).counterpart(request));

  it('of the guest is where its clusters are in the file', async () => {
    const image = scattered();
    const of = (start: bigint, count: bigint): Promise<string[]> =>
      find(image, { space: 'guest', start: start * kib64, length: count * kib64 });
    assert.deepEqual(await of(0n, 1n), ['5+1']);
    assert.deepEqual(await of(0n, 3n), ['5+2', '10+1']);
    assert.deepEqual(await of(3n, 1n), ['7+2']);
    assert.deepEqual(await of(4n, 100n), []);
    assert.deepEqual(await of(2n, 8198n), ['7+2', '10+2']);
  });

  it('of the file is which guest clusters lie there', async () => {
    const image = scattered();
    const of = (start: bigint, count: bigint): Promise<string[]> =>
      find(image, { space: 'host', start: start * kib64, length: count * kib64 });
    assert.deepEqual(await of(6n, 1n), ['1+1']);
    assert.deepEqual(await of(8n, 1n), ['3+1']);
    assert.deepEqual(await of(5n, 7n), ['0+4', '8192+1']);
    assert.deepEqual(await of(0n, 4n), []);
  });

  it('is of the layer that is asked for', async () => {
    const image = scattered();
    const start = 5n * kib64;
    assert.deepEqual(await find(image, { space: 'host', snapshot: 0, start, length: kib64 }), ['3+1']);
    assert.deepEqual(await find(image, { space: 'guest', snapshot: 0, start: 0n, length: 4n * kib64 }), ['5+1']);
  });

  it('of the whole of a large disk is exact without reading its tables, where each leads to one run', async () => {
    const storage = new CountingStorage(large('sequential'), { ranges: false });
    const { counterpart, countReferences } = await mapOf(storage);
    const { size } = await countReferences();
    storage.reset();
    const all = await counterpart({ space: 'host', start: 0n, length: size });
    assert.deepEqual(clusters(all), ['0+262144']);
    assert.equal(storage.bytes, 0);
    const near = await counterpart({ space: 'host', start: size / 2n, length: kib64 });
    assert.equal(near.ranges.length, 1);
    assert.equal(storage.bytes, 65536, 'one L2 table');
  });

  it('has at most 4096 ranges, which then hold more than is asked for', async () => {
    const { counterpart } = await mapOf(large('shuffled'));
    const length = 2n ** 30n;
    const { ranges, complete } = await counterpart({ space: 'guest', start: 0n, length });
    assert.equal(complete, false);
    assert.ok(ranges.length <= 4096 && ranges.length > 1000, `${ranges.length} ranges`);
    assert.ok(ranges.reduce((sum, range) => sum + range.length, 0n) > length);
    const few = await counterpart({ space: 'guest', start: 0n, length: 64n * kib64 });
    assert.equal(few.complete, true);
    assert.equal(
      few.ranges.reduce((sum, range) => sum + range.length, 0n),
      64n * kib64,
    );
  });
});

describe('runs as so many ranges', () => {
  it('are covered by them, and exactly while there are few', () => {
    const run = fc.record({ from: fc.integer({ min: 0, max: 5000 }), length: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.array(run, { maxLength: 200 }), fc.integer({ min: 1, max: 40 }), (runs, most) => {
        const cover = new RangeCover(most);
        const wanted = new Uint8Array(6000);
        for (const { from, length } of runs) {
          cover.add(from, from + length);
          wanted.fill(1, from, from + length);
        }
        const covered = new Uint8Array(10_000);
        const ranges = cover.ranges();
        assert.ok(ranges.length <= most);
        let last = -1;
        for (const { from, to } of ranges) {
          assert.ok(from > last && to > from);
          last = to;
          covered.fill(1, from, to);
        }
        for (const [cluster, is] of wanted.entries()) {
          assert.ok(is === 0 || covered[cluster] === 1);
          assert.ok(!cover.exact || covered[cluster] === is);
        }
      }),
    );
  });
});
