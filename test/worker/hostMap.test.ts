import assert from 'node:assert/strict';
import { compressed, copied, ImageBuilder } from '../support/builder.ts';
import { oneBitmap } from '../support/findings/extensionCases.ts';
import { FailingStorage } from '../support/memoryStorage.ts';
import { clustersOf, kindsOf, mapOf } from './mapCalls.ts';

const kib64 = 65536n;

/**
 * 16 clusters: 0 header, 1 refcount table, 2 refcount block, 3 L1, 4 L2, 5 data, 6 data of the snapshot and the active
 * layer, 7 compressed, 8 snapshot table, 9 and 10 the snapshot's L1 and L2, 11 leaked, 12 data with refcount 0.
 */
function mixed(): ImageBuilder {
  const image = new ImageBuilder({ size: 8n * kib64, nb_snapshots: 1, snapshots_offset: 8n * kib64 });
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, image.at(6))
    .entry(4, 2, compressed | image.at(7))
    .entry(4, 3, copied | image.at(12));
  image
    .put64(image.at(8), image.at(9))
    .put32(image.at(8) + 8n, 1)
    .put32(image.at(8) + 36n, 16)
    .put64(image.at(8) + 48n, 8n * kib64);
  image.put64(image.at(9), image.at(10)).entry(10, 1, image.at(6));
  for (const cluster of [4, 5, 6, 7, 8, 9, 10, 11]) {
    image.refcount(cluster, cluster === 6 ? 2 : 1);
  }
  return image.truncate(image.at(16));
}

const whole = { space: 'host', start: 0n, length: 16n * kib64 } as const;

describe('the map of the file', () => {
  it('tells, before references are counted, tables and refcounts', async () => {
    const { picture } = await mapOf(mixed().toStorage());
    const { parts, cells, counted, size, start, cellSize } = await picture({ ...whole, cells: 16 });
    assert.deepEqual(
      { counted, size, start, cellSize },
      { counted: false, size: 16n * kib64, start: 0n, cellSize: kib64 },
    );
    assert.deepEqual(kindsOf('host', parts, cells), [
      'header',
      'refcount-table',
      'refcount-block',
      'l1-table',
      'l2-table',
      'refcounted',
      'refcounted',
      'refcounted',
      'snapshot-table',
      'l1-table',
      'l2-table',
      'refcounted',
      ...Array.from({ length: 4 }, () => 'free'),
    ]);
  });

  it('tells, when references are counted, the owner of every cluster', async () => {
    const { picture, countReferences } = await mapOf(mixed().toStorage());
    const counts = await countReferences();
    assert.equal(counts.counted, true);
    const { parts, cells, counted } = await picture({ ...whole, cells: 16 });
    assert.equal(counted, true);
    assert.deepEqual(kindsOf('host', parts, cells).slice(4), [
      'l2-table',
      'data',
      'shared',
      'compressed',
      'snapshot-table',
      'l1-table',
      'l2-table',
      'leaked',
      'data',
      'free',
      'free',
      'free',
    ]);
    assert.deepEqual(clustersOf('host', counts), {
      header: 1,
      'l1-table': 2,
      'l2-table': 2,
      'refcount-table': 1,
      'refcount-block': 1,
      'snapshot-table': 1,
      data: 2,
      compressed: 1,
      shared: 1,
      leaked: 1,
      free: 3,
    });
  });

  it('counts any range, and the last cluster as far as the file reaches', async () => {
    const { counts, countReferences } = await mapOf(
      mixed()
        .truncate(13n * kib64 + 100n)
        .toStorage(),
    );
    const part = await counts({ space: 'host', start: 4n * kib64, length: 3n * kib64 });
    assert.deepEqual(clustersOf('host', part), { 'l2-table': 1, refcounted: 2 });
    const all = await countReferences();
    assert.equal(all.size, 13n * kib64 + 100n);
    assert.equal(
      all.kinds.reduce((sum, { bytes }) => sum + bytes, 0n),
      all.size,
    );
    assert.deepEqual(
      all.kinds.filter(({ bytes }) => bytes === 100n).map(({ clusters }) => clusters),
      [1],
    );
  });

  it('tells what lies beyond the end of the file, as far as the refcount table reaches', async () => {
    // 2^20 clusters past the end: no refcount block is for these.
    const image = mixed().truncate(12n * kib64);
    image.entry(4, 4, copied | image.at(20)).entry(4, 5, copied | image.at(2 ** 20));
    image.refcount(14, 1);
    const { picture, countReferences } = await mapOf(image.truncate(12n * kib64).toStorage());
    const before = await picture({ ...whole, cells: 16 });
    assert.deepEqual(kindsOf('host', before.parts, before.cells).slice(11), [
      'refcounted',
      'beyond',
      'beyond',
      'beyond',
    ]);
    // One refcount block is for 32768 clusters.
    assert.equal((await countReferences()).size, 32768n * kib64);
  });

  it('has bitmaps, and an area of bitmaps that is all of them', async () => {
    const { countReferences } = await mapOf(oneBitmap({ autoclear_features: 1 }).toStorage());
    assert.equal(clustersOf('host', await countReferences()).bitmap, 2);
  });

  it('does not know clusters whose refcounts can’t be read', async () => {
    const image = mixed();
    // The first sector of the refcount block is for 256 clusters.
    const storage = new FailingStorage(image.toStorage(), [{ sector: 2 * 128 }]);
    const { countReferences } = await mapOf(storage);
    assert.deepEqual(clustersOf('host', await countReferences()).unknown, 4);
  });

  it('lists its runs page by page', async () => {
    const { hostExtents } = await mapOf(mixed().toStorage());
    const first = await hostExtents({ from: 0n, count: 6 });
    assert.deepEqual(
      first.rows.map(({ start, length, kind }) => `${start / kib64}+${length / kib64} ${kind}`),
      ['0+1 header', '1+1 refcount-table', '2+1 refcount-block', '3+1 l1-table', '4+1 l2-table', '5+3 refcounted'],
    );
    assert.equal(first.next, 8n * kib64);
    const rest = await hostExtents({ from: first.next ?? 0n, count: 100 });
    assert.deepEqual(rest.rows.at(-1), { start: 12n * kib64, length: 4n * kib64, kind: 'free' });
    assert.equal(rest.next, undefined);
    await assert.rejects(hostExtents({ from: 0n, count: 0 }), { code: 'bad-argument' });
  });

  it('is stepped through by kind', async () => {
    const { step, countReferences } = await mapOf(mixed().toStorage());
    await countReferences();
    const data = { space: 'host', kind: 'data' } as const;
    assert.deepEqual(await step({ ...data, from: -1n, direction: 'next' }), { offset: 5n * kib64, length: kib64 });
    assert.deepEqual(await step({ ...data, from: 5n * kib64, direction: 'next' }), {
      offset: 12n * kib64,
      length: kib64,
    });
    assert.equal(await step({ ...data, from: 12n * kib64, direction: 'next' }), undefined);
    assert.deepEqual(await step({ ...data, from: 16n * kib64, direction: 'previous' }), {
      offset: 12n * kib64,
      length: kib64,
    });
    assert.deepEqual(await step({ space: 'host', kind: 'free', from: 0n, direction: 'next' }), {
      offset: 13n * kib64,
      length: 3n * kib64,
    });
    assert.deepEqual(await step({ space: 'host', kind: 'shared-cluster', from: 0n, direction: 'next' }), {
      offset: 6n * kib64,
      length: kib64,
    });
    await assert.rejects(step({ space: 'host', kind: 'zero-plain', from: 0n, direction: 'next' }), {
      code: 'bad-argument',
    });
  });

  it('is not there without a geometry', async () => {
    const { picture } = await mapOf(new ImageBuilder().header({ cluster_bits: 63 }).toStorage());
    await assert.rejects(picture({ ...whole, cells: 1 }), { code: 'damaged' });
  });
});

describe('the owners of a range of the file', () => {
  it('are told with their kind, their way and the guest’s bytes', async () => {
    const { ownersAt } = await mapOf(mixed().toStorage());
    const { owners, count } = await ownersAt({ start: 5n * kib64, length: 3n * kib64 });
    assert.equal(count, 4);
    assert.deepEqual(
      owners.map(({ start, kind, chain, snapshot, guest, entry }) => ({
        at: start / kib64,
        kind,
        chain,
        snapshot,
        guest,
        entry,
      })),
      [
        {
          at: 5n,
          kind: 'data',
          chain: 'L1[0] -> L2[0]',
          snapshot: undefined,
          guest: { offset: 0n, length: kib64 },
          entry: { l1: 0, l2: 0 },
        },
        {
          at: 6n,
          kind: 'data',
          chain: 'L1[0] -> L2[1]',
          snapshot: undefined,
          guest: { offset: kib64, length: kib64 },
          entry: { l1: 0, l2: 1 },
        },
        {
          at: 6n,
          kind: 'data',
          chain: 'snapshot[0] -> L1[0] -> L2[1]',
          snapshot: 0,
          guest: { offset: kib64, length: kib64 },
          entry: { l1: 0, l2: 1 },
        },
        {
          at: 7n,
          kind: 'compressed',
          chain: 'L1[0] -> L2[2]',
          snapshot: undefined,
          guest: { offset: 2n * kib64, length: kib64 },
          entry: { l1: 0, l2: 2 },
        },
      ],
    );
  });

  it('are tables by what leads to them', async () => {
    const { ownersAt } = await mapOf(mixed().toStorage());
    const chains = async (start: bigint, length: bigint): Promise<string[]> =>
      (await ownersAt({ start, length })).owners.map(({ chain }) => chain);
    assert.deepEqual(await chains(0n, 5n * kib64), [
      'header',
      'header.refcount_table_offset',
      'refcount_table[0]',
      'header.l1_table_offset',
      'L1[0]',
    ]);
    assert.deepEqual(await chains(8n * kib64, 8n * kib64), [
      'header.snapshots_offset',
      'snapshot[0].l1_table_offset',
      'snapshot[0] -> L1[0]',
      'L1[0] -> L2[3]',
    ]);
  });

  it('are told once for every layer that shares an L2 table', async () => {
    const image = mixed();
    image.put64(image.at(9), image.at(4));
    const { ownersAt } = await mapOf(image.toStorage());
    const { owners, count } = await ownersAt({ start: 5n * kib64, length: 1n });
    assert.equal(count, 2);
    assert.deepEqual(
      owners.map(({ chain }) => chain),
      ['L1[0] -> L2[0]', 'snapshot[0] -> L1[0] -> L2[0]'],
    );
  });

  it('are counted all, and listed up to 1000', async () => {
    const image = new ImageBuilder({ size: 8192n * kib64 }).truncate(6n * kib64);
    image.l1(0, copied | image.at(4));
    for (let index = 0; index < 3000; index++) {
      image.entry(4, index, image.at(5));
    }
    const { ownersAt } = await mapOf(image.truncate(image.at(6)).toStorage());
    const { owners, count } = await ownersAt({ start: 5n * kib64, length: kib64 });
    assert.deepEqual([owners.length, count], [1000, 3000]);
  });

  it('are not told of more than 1024 clusters, nor of none', async () => {
    const { ownersAt } = await mapOf(mixed().toStorage());
    for (const length of [0n, 1025n * kib64]) {
      await assert.rejects(ownersAt({ start: 0n, length }), { code: 'bad-argument' });
    }
  });
});
