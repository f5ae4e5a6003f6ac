import assert from 'node:assert/strict';
import { walkExtents } from '../../../src/engine/image/extents.ts';
import { type ExtentKind, extentKinds } from '../../../src/engine/image/kinds.ts';
import { beyondL1, guestRange } from '../../../src/engine/image/layer.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { compressed, copied, ImageBuilder, zero } from '../../support/builder.ts';
import { CountingStorage, FailingStorage } from '../../support/memoryStorage.ts';

const names = Object.fromEntries(Object.entries(extentKinds).map(([name, kind]) => [kind, name]));

/** The extents as text: `kind start+count @cluster:byte`. */
async function extentsOf(storage: Storage, range?: { from: number; to: number }): Promise<string[]> {
  const { layer, ...image } = await openImage(storage);
  assert(layer);
  const extents: string[] = [];
  const visit = (kind: ExtentKind, start: number, count: number, cluster: number, byte: number): true => {
    const host = cluster === 0 && byte === 0 ? '' : ` @${cluster}${byte === 0 ? '' : `:${byte}`}`;
    extents.push(`${names[kind]} ${start}+${count}${host}`);
    return true;
  };
  await walkExtents(image, layer, range ?? { from: 0, to: layer.clusters }, visit, noProgress);
  return extents;
}

/** An image of 1 MiB, 16 clusters, with an L2 table in cluster 4. */
function builder(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 1 << 20, ...values });
  return image.l1(0, copied | image.at(4)).truncate(image.at(32));
}

describe('the extents of a layer', () => {
  it('are one unallocated run without an L2 table', async () => {
    assert.deepEqual(await extentsOf(new ImageBuilder({ size: 1 << 20 }).toStorage()), ['unallocatedPlain 0+16']);
  });

  it('join data that is adjacent in the guest and in the host', async () => {
    const image = builder();
    image
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, copied | image.at(6))
      .entry(4, 2, copied | image.at(8));
    assert.deepEqual(await extentsOf(image.toStorage()), ['normal 0+2 @5', 'normal 2+1 @8', 'unallocatedPlain 3+13']);
  });

  it('join data whose COPIED flags differ', async () => {
    const image = builder();
    image
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, image.at(6))
      .entry(4, 2, copied | image.at(7));
    assert.deepEqual(await extentsOf(image.toStorage()), ['normal 0+3 @5', 'unallocatedPlain 3+13']);
  });

  it('tell zero clusters with and without a host cluster apart', async () => {
    const image = builder();
    image
      .entry(4, 0, zero)
      .entry(4, 1, zero)
      .entry(4, 2, copied | zero | image.at(5));
    image.entry(4, 3, copied | zero | image.at(6)).entry(4, 4, copied | image.at(7));
    assert.deepEqual(await extentsOf(image.toStorage()), [
      'zeroPlain 0+2',
      'zeroAllocated 2+2 @5',
      'normal 4+1 @7',
      'unallocatedPlain 5+11',
    ]);
  });

  it('join compressed clusters wherever they are, at the place of the first', async () => {
    const image = builder();
    image.entry(4, 0, compressed | 0x5_1234n).entry(4, 1, compressed | 0x6_0000n);
    assert.deepEqual(await extentsOf(image.toStorage()), ['compressed 0+2 @5:4660', 'unallocatedPlain 2+14']);
  });

  it('call a zero cluster in a version 2 image invalid', async () => {
    const image = builder({ version: 2 }).entry(4, 0, zero);
    assert.deepEqual(await extentsOf(image.toStorage()), ['invalid 0+1', 'unallocatedPlain 1+15']);
  });

  it('call data that is not at a cluster invalid', async () => {
    const image = builder();
    image.entry(4, 0, copied | (image.at(5) + 512n)).entry(4, 1, copied | (image.at(6) + 512n));
    assert.deepEqual(await extentsOf(image.toStorage()), ['invalid 0+2', 'unallocatedPlain 2+14']);
  });

  it('call the whole range of an L2 table invalid that is not at a cluster', async () => {
    const image = builder();
    image.l1(0, copied | (image.at(4) + 512n));
    assert.deepEqual(await extentsOf(image.toStorage()), ['invalid 0+16']);
  });

  it('read an L2 table past the end of the file as zeros, wholly or in part', async () => {
    const image = builder();
    image.entry(4, 0, copied | image.at(2)).entry(4, 1, copied | image.at(3));
    assert.deepEqual(await extentsOf(image.truncate(image.at(4) + 8n).toStorage()), [
      'normal 0+1 @2',
      'unallocatedPlain 1+15',
    ]);
    assert.deepEqual(await extentsOf(image.truncate(image.at(4)).toStorage()), ['unallocatedPlain 0+16']);
  });

  it('go on after a bad sector in an L2 table', async () => {
    const image = new ImageBuilder({ size: 16 << 20 });
    image.l1(0, copied | image.at(4)).truncate(image.at(400));
    for (let index = 0; index < 256; index += 1) {
      image.entry(4, index, copied | image.at(100 + index));
    }
    const sector = image.at(4) / 512n + 1n;
    assert.deepEqual(await extentsOf(new FailingStorage(image.toStorage(), [{ sector }])), [
      'normal 0+64 @100',
      'unreadable 64+64',
      'normal 128+128 @228',
    ]);
  });

  it('lose the range of L1 entries that can’t be read', async () => {
    const image = new ImageBuilder({ size: 1n << 40n });
    image
      .l1(0, copied | image.at(8))
      .l1(64, copied | image.at(8))
      .entry(8, 0, zero);
    const sector = image.at(3) / 512n;
    const extents = await extentsOf(new FailingStorage(image.toStorage(), [{ sector }]));
    assert.deepEqual(extents, [
      `unreadable 0+${64 * 8192}`,
      `zeroPlain ${64 * 8192}+1`,
      `unallocatedPlain ${64 * 8192 + 1}+${(2048 - 64) * 8192 - 1}`,
    ]);
  });

  it('are of any part of the disk, reading only its entries', async () => {
    const image = builder();
    for (let index = 0; index < 16; index += 1) {
      image.entry(4, index, copied | image.at(8 + index));
    }
    const storage = new CountingStorage(image.toStorage());
    assert.deepEqual(await extentsOf(storage, { from: 3, to: 5 }), ['normal 3+2 @11']);
    const table = storage.ranges.filter(({ at }) => at >= image.at(4) && at < image.at(5));
    assert.deepEqual(table, [{ at: image.at(4) + 24n, length: 16 }]);
  });

  it('end when the visitor says so', async () => {
    const image = builder().entry(4, 3, zero);
    const opened = await openImage(image.toStorage());
    assert(opened.layer);
    let visits = 0;
    await walkExtents(opened, opened.layer, { from: 0, to: 16 }, () => ++visits < 2, noProgress);
    assert.equal(visits, 2);
  });

  it('end with the L1 table where it does not reach the end of the disk', async () => {
    const image = new ImageBuilder({ size: (1n << 30n) + 1000n, l1_size: 1 });
    const { layer } = await openImage(image.toStorage());
    assert(layer);
    assert.deepEqual(await extentsOf(image.toStorage()), ['unallocatedPlain 0+8192']);
    assert.deepEqual(beyondL1(layer), { offset: 1n << 29n, length: (1n << 29n) + 1000n });
  });

  it('cut the last cluster at the end of the disk', async () => {
    const { layer } = await openImage(new ImageBuilder({ size: 65536 + 512 }).toStorage());
    assert(layer);
    assert.deepEqual(guestRange(layer, 0, 2), { offset: 0n, length: 66048n });
    assert.equal(beyondL1(layer), undefined);
  });
});

describe('the extents of subclusters', () => {
  const extended = { incompatible_features: 0x10 };

  it('follow the bitmap of the entry', async () => {
    const image = builder(extended);
    // Subclusters 0-7 data, 8-15 zeros, 16-31 neither.
    image.entry(4, 0, copied | image.at(5), 0x0000_ff00_0000_00ffn);
    assert.deepEqual(await extentsOf(image.toStorage()), [
      'normal 0+8 @5',
      'zeroAllocated 8+8 @5:16384',
      'unallocatedAllocated 16+16 @5:32768',
      `unallocatedPlain 32+${15 * 32}`,
    ]);
  });

  it('join whole clusters', async () => {
    const image = builder(extended);
    for (const index of [0, 1, 2]) {
      image.entry(4, index, copied | image.at(5 + index), 0xffff_ffffn);
      image.entry(4, 3 + index, 0n, 0xffff_ffff_0000_0000n);
      image.entry(4, 6 + index, copied | image.at(8 + index), 0n);
    }
    assert.deepEqual(await extentsOf(image.toStorage()), [
      'normal 0+96 @5',
      'zeroPlain 96+96',
      'unallocatedAllocated 192+96 @8',
      'unallocatedPlain 288+224',
    ]);
  });

  it('are invalid in the whole cluster where the bits contradict each other', async () => {
    const image = builder(extended);
    image.entry(4, 0, copied | image.at(5), 0x0000_0001_0000_0001n).entry(4, 1, 0n, 1n);
    assert.deepEqual(await extentsOf(image.toStorage()), ['invalid 0+64', 'unallocatedPlain 64+448']);
  });

  it('are compressed whatever the bitmap says', async () => {
    const image = builder(extended).entry(4, 0, compressed | 0x5_0200n, 0x1_0000_0001n);
    assert.deepEqual(await extentsOf(image.toStorage()), ['compressed 0+32 @5:512', 'unallocatedPlain 32+480']);
  });
});

describe('the extents of an external data file', () => {
  const dataFile = { incompatible_features: 4 };

  it('are at their guest offset, also at offset 0', async () => {
    const image = builder(dataFile);
    image.entry(4, 0, copied).entry(4, 1, copied | image.at(1));
    assert.deepEqual(await extentsOf(image.toStorage()), ['normal 0+2', 'unallocatedPlain 2+14']);
  });

  it('are invalid elsewhere, and where they are compressed', async () => {
    const image = builder(dataFile);
    image
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, copied | image.at(6))
      .entry(4, 2, compressed | 0x5_0000n);
    assert.deepEqual(await extentsOf(image.toStorage()), ['invalid 0+3', 'unallocatedPlain 3+13']);
  });
});

describe('the work for extents', () => {
  it('skips L1 entries without a table: 4 million entries of a 2 PiB disk read nothing more', async () => {
    const image = new ImageBuilder({ size: 1n << 51n });
    const storage = new CountingStorage(image.toStorage());
    assert.deepEqual(await extentsOf(storage), [`unallocatedPlain 0+${2 ** 35}`]);
    assert(storage.bytes <= 4096 + 32 * 2 ** 20);
    assert(storage.calls <= 4);
  });

  it('is exact at the end of a 1 EiB disk of 2 MiB clusters', async () => {
    const image = new ImageBuilder({ size: 1n << 60n, cluster_bits: 21 });
    const last = image.l1Entries - 1;
    image.l1(last, copied | image.at(20)).entry(20, 2 ** 18 - 1, copied | image.at(21));
    assert.deepEqual(await extentsOf(image.toStorage()), [
      `unallocatedPlain 0+${2 ** 39 - 1}`,
      `normal ${2 ** 39 - 1}+1 @21`,
    ]);
  });

  it('reads adjacent L2 tables together', async () => {
    const image = new ImageBuilder({ size: 64 * 32768 * 8, cluster_bits: 9 });
    for (let index = 0; index < image.l1Entries; index += 1) {
      image.l1(index, copied | image.at(100 + index)).entry(100 + index, 0, zero);
    }
    const storage = new CountingStorage(image.toStorage());
    const extents = await extentsOf(storage);
    assert.equal(extents.length, 2 * image.l1Entries);
    assert(storage.calls < 10, `${storage.calls} reads`);
  });
});
