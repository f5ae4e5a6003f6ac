import assert from 'node:assert/strict';
import type { Layer } from '../../../src/engine/image/layer.ts';
import { walkDifferences } from '../../../src/engine/image/layerDifference.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { compressed, copied, ImageBuilder, zero } from '../../support/builder.ts';
import { CountingStorage, FailingStorage } from '../../support/memoryStorage.ts';
import { layerAt } from '../../worker/layers.ts';

const cluster = 65536n;
const tableReach = 8192n * cluster;

type Range = readonly [start: bigint, length: bigint, a: string | undefined, b: string | undefined];

interface Compared {
  readonly from?: bigint;
  readonly backing?: boolean;
  readonly most?: number;
}

async function rangesOf(storage: Storage, a: Layer, b: Layer, options: Compared = {}): Promise<Range[]> {
  const ranges: Range[] = [];
  await walkDifferences(
    { storage, a, b, backing: options.backing ?? false },
    options.from ?? 0n,
    (...range) => ranges.push(range) < (options.most ?? Infinity),
    noProgress,
  );
  return ranges;
}

/** Two layers: L1 table `a` in cluster 4 and `b` in cluster 5, with L2 tables in 6 and 7. */
function twoLayers(size = 1n << 20n): { image: ImageBuilder; layers: (storage?: Storage) => Promise<[Layer, Layer]> } {
  const image = new ImageBuilder({ size }).truncate(20n * cluster);
  image.put64(image.at(4), copied | image.at(6)).put64(image.at(5), copied | image.at(7));
  image
    .entry(6, 0, 0n)
    .entry(7, 0, 0n)
    .truncate(20n * cluster);
  const entries = Number((size + tableReach - 1n) / tableReach);
  return {
    image,
    layers: async (storage = image.toStorage()) => [
      await layerAt(storage, { size }, { offset: image.at(4), entries }),
      await layerAt(storage, { size }, { offset: image.at(5), entries }),
    ],
  };
}

describe('the difference of two layers', () => {
  it('is where data is in other clusters, and where only one has data', async () => {
    const { image, layers } = twoLayers();
    image.entry(6, 0, copied | image.at(8)).entry(7, 0, image.at(8));
    image.entry(6, 1, image.at(9)).entry(7, 1, copied | image.at(10));
    image.entry(6, 2, image.at(11)).entry(7, 3, image.at(12));
    assert.deepEqual(await rangesOf(image.toStorage(), ...(await layers())), [
      [cluster, cluster, 'data', 'data'],
      [2n * cluster, cluster, 'data', 'unallocated'],
      [3n * cluster, cluster, 'unallocated', 'data'],
    ]);
  });

  it('joins neighbours of the same kinds, up to the end of the disk', async () => {
    const { image, layers } = twoLayers(10n * cluster + 512n);
    for (let index = 3; index < 16; index += 1) {
      image.entry(7, index, image.at(8 + index));
    }
    assert.deepEqual(await rangesOf(image.toStorage(), ...(await layers())), [
      [3n * cluster, 7n * cluster + 512n, 'unallocated', 'data'],
    ]);
  });

  it('does not tell kinds of zeros apart, nor unallocated clusters without a backing file', async () => {
    const { image, layers } = twoLayers();
    image
      .entry(6, 0, zero)
      .entry(7, 0, zero | image.at(8))
      .entry(6, 1, zero);
    const both = await layers();
    assert.deepEqual(await rangesOf(image.toStorage(), ...both), []);
    assert.deepEqual(await rangesOf(image.toStorage(), ...both, { backing: true }), [
      [cluster, cluster, 'zero-plain', 'unallocated'],
    ]);
  });

  it('is where compressed data is at another byte', async () => {
    const { image, layers } = twoLayers();
    image.entry(6, 0, compressed | image.at(8)).entry(7, 0, compressed | image.at(8));
    image.entry(6, 1, compressed | image.at(8)).entry(7, 1, compressed | (image.at(8) + 100n));
    assert.deepEqual(await rangesOf(image.toStorage(), ...(await layers())), [
      [cluster, cluster, 'compressed', 'compressed'],
    ]);
  });

  it('is where only one of two tables can be read, and not known to be where none can', async () => {
    const { image, layers } = twoLayers();
    image.entry(6, 4, image.at(8)).entry(7, 4, image.at(8));
    const one = new FailingStorage(image.toStorage(), [{ sector: image.at(7) / 512n }]);
    assert.deepEqual(await rangesOf(one, ...(await layers(image.toStorage()))), [
      [0n, 4n * cluster, 'unallocated', 'wrong'],
      [4n * cluster, cluster, 'data', 'wrong'],
      [5n * cluster, 11n * cluster, 'unallocated', 'wrong'],
    ]);
    const bad = [{ sector: image.at(6) / 512n }, { sector: image.at(7) / 512n }];
    assert.deepEqual(await rangesOf(new FailingStorage(image.toStorage(), bad), ...(await layers())), []);
  });

  it('has what lies past the end of the smaller disk', async () => {
    const { image, layers } = twoLayers();
    image.entry(7, 15, image.at(8)).entry(7, 16, image.at(9));
    const storage = image.toStorage();
    const [small] = await layers();
    const large = await layerAt(storage, { size: 18n * cluster }, { offset: image.at(5), entries: 1 });
    const tail: Range[] = [
      [16n * cluster, cluster, undefined, 'data'],
      [17n * cluster, cluster, undefined, 'unallocated'],
    ];
    assert.deepEqual(await rangesOf(storage, small, large), [[15n * cluster, cluster, 'unallocated', 'data'], ...tail]);
    assert.deepEqual(
      (await rangesOf(storage, large, small)).map(([start, , a, b]) => [start, a, b]),
      [
        [15n * cluster, 'data', 'unallocated'],
        [16n * cluster, 'data', undefined],
        [17n * cluster, 'unallocated', undefined],
      ],
    );
    assert.deepEqual(await rangesOf(storage, small, large, { from: 16n * cluster + 4096n }), [
      [16n * cluster + 4096n, cluster - 4096n, undefined, 'data'],
      tail[1],
    ]);
  });

  it('can be asked for from any byte on, and for a few ranges', async () => {
    const { image, layers } = twoLayers();
    image.entry(7, 1, image.at(8)).entry(7, 3, image.at(9)).entry(7, 5, image.at(10));
    const both = await layers();
    assert.deepEqual(await rangesOf(image.toStorage(), ...both, { from: cluster + 512n, most: 2 }), [
      [cluster + 512n, cluster - 512n, 'unallocated', 'data'],
      [3n * cluster, cluster, 'unallocated', 'data'],
    ]);
  });

  it('is told by subcluster', async () => {
    const image = new ImageBuilder({ incompatible_features: 0x10, size: 1n << 20n }).truncate(20n * cluster);
    image.put64(image.at(4), image.at(6)).put64(image.at(5), image.at(7));
    image.entry(6, 0, image.at(8), 0b0111n).entry(7, 0, image.at(8), 0b1001n | (0b0100n << 32n));
    const storage = image.truncate(20n * cluster).toStorage();
    const fields = { size: 1n << 20n, incompatible_features: 0x10n };
    const a = await layerAt(storage, fields, { offset: image.at(4), entries: 1 });
    const b = await layerAt(storage, fields, { offset: image.at(5), entries: 1 });
    assert.deepEqual(await rangesOf(storage, a, b), [
      [2048n, 2048n, 'data', 'unallocated'],
      [4096n, 2048n, 'data', 'zero-allocated'],
      [6144n, 2048n, 'unallocated', 'data'],
    ]);
  });

  it('is none where neither L1 table reaches, however large the disk', async () => {
    const image = new ImageBuilder({ cluster_bits: 9 }).truncate(20n * cluster);
    image.put64(image.at(4) + 8n, image.at(6)).entry(6, 63, image.at(7));
    const storage = image.toStorage();
    const fields = { size: 2n ** 64n - 1n, cluster_bits: 9 };
    const a = await layerAt(storage, fields, { offset: image.at(4), entries: 2 });
    const b = await layerAt(storage, fields, { offset: image.at(5), entries: 3 });
    assert.deepEqual(await rangesOf(storage, a, b), [
      [127n * 512n, 512n, 'data', 'unallocated'],
      [128n * 512n, 64n * 512n, 'wrong', 'unallocated'],
    ]);
  });

  it('reads no L2 table that both layers have', async () => {
    const { image, layers } = twoLayers(tableReach * 1000n);
    for (let index = 0; index < 1000; index += 1) {
      const table = index === 700 ? 7 : 6;
      image.put64(image.at(4) + BigInt(index * 8), copied | image.at(6));
      image.put64(image.at(5) + BigInt(index * 8), image.at(table));
    }
    image.entry(7, 5, image.at(9));
    const both = await layers();
    const counted = new CountingStorage(image.toStorage());
    assert.deepEqual(await rangesOf(counted, ...both), [
      [700n * tableReach + 5n * cluster, cluster, 'unallocated', 'data'],
    ]);
    assert.equal(counted.calls, 2);
  });
});
