import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type EntryTable, segmentsOf } from '../../../src/engine/image/entryTables.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { ownersOf } from '../../../src/engine/image/owners.ts';
import { ownerNames } from '../../../src/engine/image/reference.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { compressed, copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage } from '../../support/memoryStorage.ts';

/** The owners of a host cluster as `name source/index`. */
async function owners(image: ImageBuilder, cluster: number): Promise<string[]> {
  const found = await ownersOf(await openImage(image.toStorage()), cluster, noProgress);
  return found.map(({ owner, source, index }) => `${ownerNames[owner]} ${source}/${index}`);
}

/** An image with `count` snapshots in the table of cluster 8, all with the L1 tables that follow it. */
function withSnapshots(count: number): ImageBuilder {
  const image = new ImageBuilder({ size: 1 << 20, nb_snapshots: count, snapshots_offset: 8 * 65536 });
  image.l1(0, image.at(4)).truncate(image.at(32));
  for (let index = 0; index < count; index += 1) {
    const entry = image.at(8) + BigInt(index) * 56n;
    image
      .put64(entry, image.at(9 + index))
      .put32(entry + 8n, 1)
      .put32(entry + 36n, 16)
      .put64(entry + 48n, 1 << 20);
    image.put64(image.at(9 + index), image.at(4));
  }
  return image;
}

describe('the owners of a host cluster', () => {
  it('are the header and the tables', async () => {
    const image = withSnapshots(2);
    image.entry(4, 0, copied | image.at(20));
    assert.deepEqual(await owners(image, 0), ['header 0/0']);
    assert.deepEqual(await owners(image, 1), ['refcount table 0/0']);
    assert.deepEqual(await owners(image, 2), ['refcount block 0/0']);
    assert.deepEqual(await owners(image, 3), ['L1 table -1/0']);
    assert.deepEqual(await owners(image, 4), ['L2 table -1/0', 'L2 table 0/0', 'L2 table 1/0']);
    assert.deepEqual(await owners(image, 8), ['snapshot table 0/0']);
    assert.deepEqual(await owners(image, 10), ['L1 table 1/0']);
    assert.deepEqual(await owners(image, 21), []);
  });

  it('are the data of every layer', async () => {
    const image = withSnapshots(2);
    image.entry(4, 5, image.at(20)).entry(4, 6, image.at(21));
    assert.deepEqual(await owners(image, 21), ['data -1/6', 'data 0/6', 'data 1/6']);
  });

  it('are the data of a snapshot with an L2 table of its own', async () => {
    const image = withSnapshots(2);
    image.entry(5, 7, image.at(22)).put64(image.at(10), image.at(5));
    assert.deepEqual(await owners(image, 22), ['data 1/7']);
  });

  it('are two guest clusters that share one', async () => {
    const image = withSnapshots(0);
    image.entry(4, 1, copied | image.at(20)).entry(4, 9, copied | image.at(20));
    assert.deepEqual(await owners(image, 20), ['data -1/1', 'data -1/9']);
  });

  it('are compressed clusters in both clusters that they touch', async () => {
    const image = withSnapshots(0);
    image.entry(4, 1, compressed | (1n << 54n) | (image.at(21) - 512n));
    assert.deepEqual(await owners(image, 20), ['compressed data -1/1']);
    assert.deepEqual(await owners(image, 21), ['compressed data -1/1']);
    image.entry(4, 1, compressed | (image.at(21) - 512n));
    assert.deepEqual(await owners(image, 21), []);
  });

  it('are the bitmap directory, tables and data', async () => {
    const image = new ImageBuilder({ autoclear_features: 1 });
    const extension = new ImageBuilder();
    extension.put32(0, 1).put32(4, 0).put64(8, 32).put64(16, image.at(5));
    image.extension(0x23852875, extension.toBytes().subarray(0, 24));
    image
      .put64(image.at(5), image.at(6))
      .put32(image.at(5) + 8n, 2)
      .put8(image.at(5) + 16n, 1);
    image
      .put8(image.at(5) + 17n, 16)
      .put16(image.at(5) + 18n, 4)
      .put(image.at(5) + 24n, 'name');
    image
      .put64(image.at(6), 1)
      .put64(image.at(6) + 8n, image.at(7))
      .truncate(image.at(8));
    assert.deepEqual(await owners(image, 5), ['bitmap directory 0/0']);
    assert.deepEqual(await owners(image, 6), ['bitmap table 0/0']);
    assert.deepEqual(await owners(image, 7), ['bitmap data 0/1']);
  });

  it('are the LUKS area', async () => {
    const image = new ImageBuilder({ crypt_method: 2 });
    const extension = new ImageBuilder();
    extension.put64(0, image.at(5)).put64(8, 65537);
    image.extension(0x0537be77, extension.toBytes().subarray(0, 16)).truncate(image.at(8));
    assert.deepEqual(await owners(image, 6), ['LUKS area 0/0']);
    assert.deepEqual(await owners(image, 7), []);
  });

  it('are found with work that the file bounds, not the number of snapshots', async () => {
    const image = withSnapshots(0);
    const count = 20_000;
    for (let index = 0; index < count; index += 1) {
      const entry = image.at(40) + BigInt(index) * 56n;
      // 4 MiB each, at every cluster from 100 on: together 80 GiB.
      image
        .put64(entry, image.at(100 + (index % 64)))
        .put32(entry + 8n, 1 << 19)
        .put32(entry + 36n, 16);
    }
    image.header({ nb_snapshots: count, snapshots_offset: image.at(40) }).truncate(image.at(300));
    const storage = new CountingStorage(image.toStorage(), { ranges: false });
    await ownersOf(await openImage(storage), 4, noProgress);
    assert(storage.bytes < 2 * Number(image.at(300)), `${storage.bytes} bytes read`);
  });
});

describe('tables that lie over each other', () => {
  it('are cut into segments that cover every entry as often as tables do', () => {
    const table = fc.record({ source: fc.nat(9), offset: fc.nat(40).map((n) => n * 8), entries: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(table, { maxLength: 8 }), (tables: EntryTable[]) => {
        const covered = new Map<number, number>();
        let last = 0;
        for (const { offset, entries, source, first, references } of segmentsOf(tables)) {
          assert(offset >= last && entries > 0);
          last = offset + entries * 8;
          const start = offset - first * 8;
          assert(tables.some((of) => of.source === source && of.offset === start && of.entries >= first + entries));
          for (let entry = 0; entry < entries; entry += 1) {
            covered.set(offset + entry * 8, references);
          }
        }
        const expected = new Map<number, number>();
        for (const { offset, entries } of tables) {
          for (let at = offset; at < offset + entries * 8; at += 8) {
            expected.set(at, (expected.get(at) ?? 0) + 1);
          }
        }
        assert.deepEqual(
          new Map([...covered].sort(([a], [b]) => a - b)),
          new Map([...expected].sort(([a], [b]) => a - b)),
        );
      }),
    );
  });
});
