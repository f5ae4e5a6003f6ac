import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { missingText } from '../../../src/engine/salvage/missing.ts';
import { withSnapshot } from '../../support/brokenImages.ts';
import { compressed, copied, type HeaderValues, ImageBuilder, zero } from '../../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';
import { mapText, missingLines, SavedDisk, saveFrom } from '../../support/salvaged.ts';

const cluster = 65536;

/** An image of 1 MiB: L2 table in cluster 4; guest clusters 0 and 1 in host clusters 5 and 6, filled with 5 and 6. */
function twoClusters(values: Partial<HeaderValues> = {}): ImageBuilder {
  const image = new ImageBuilder(values);
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, copied | image.at(6));
  return image
    .put(image.at(5), new Uint8Array(cluster).fill(5))
    .put(image.at(6), new Uint8Array(cluster).fill(6))
    .truncate(image.at(7));
}

/** The first byte of each of the first clusters. */
function firstBytes({ disk }: SavedDisk, count: number): number[] {
  return Array.from({ length: count }, (_, index) => disk.slice(BigInt(index * cluster), 1)[0] ?? -1);
}

describe('salvage', () => {
  it('saves data, and writes no zeros: those of the tables, of holes and those that are stored', async () => {
    const image = twoClusters();
    image
      .entry(4, 2, zero)
      .entry(4, 3, copied | image.at(7))
      .truncate(image.at(8));
    image.put(image.at(6) + 4096n, new Uint8Array(8192));
    const { saved, summary } = await saveFrom(image.toStorage());
    assert.deepEqual(firstBytes(saved, 4), [5, 6, 0, 0]);
    assert.deepEqual(saved.ranges, []);
    assert.equal(summary.data, 2 * cluster);
    assert.equal(summary.written, 2 * cluster - 8192);
    assert.equal(saved.disk.allocated, BigInt(summary.written));
    assert.deepEqual(mapText(saved.map), ['0x0-0x100000 +']);
    assert(saved.ended);
  });

  it('goes on over an entry that is not at a cluster', async () => {
    const image = twoClusters();
    image.entry(4, 0, copied | (image.at(5) + 512n));
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(firstBytes(saved, 2), [0, 6]);
    assert.deepEqual(missingLines(saved), ['0x0-0x10000 l2-entry-unaligned L1[0] -> L2[0]']);
    assert.deepEqual(mapText(saved.map), ['0x0-0x10000 -', '0x10000-0x100000 +']);
  });

  it('takes entries with reserved bits as QEMU reads them', async () => {
    const image = twoClusters();
    image.entry(4, 0, copied | image.at(5) | (1n << 60n) | 8n);
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(firstBytes(saved, 2), [5, 6]);
    assert.deepEqual(saved.ranges, []);
  });

  it('goes on over zero clusters of version 2', async () => {
    const image = twoClusters({ version: 2 });
    image.entry(4, 0, zero).entry(4, 2, zero | image.at(5));
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(missingLines(saved), [
      '0x0-0x10000 l2-zero-in-version-2 L1[0] -> L2[0]',
      '0x20000-0x30000 l2-zero-in-version-2 L1[0] -> L2[2]',
    ]);
  });

  it('lists neighbours with one fault as one range', async () => {
    const image = twoClusters();
    for (let index = 3; index < 7; index++) {
      image.entry(4, index, image.at(5) + 512n);
    }
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(missingLines(saved), ['0x30000-0x70000 l2-entry-unaligned L1[0] -> L2[3…6]']);
  });

  it('goes on over subcluster bits that contradict each other, and saves each subcluster else', async () => {
    const image = twoClusters({ incompatible_features: 16 });
    // Subcluster 0 of 2 KiB is data, 1 reads as zeros, the others are not allocated.
    image.entry(4, 0, copied | image.at(5), (2n << 32n) | 1n).entry(4, 1, copied | image.at(6), (1n << 32n) | 1n);
    const { saved, summary } = await saveFrom(image.toStorage());
    assert.equal(summary.data, 2048);
    assert.deepEqual(missingLines(saved), ['0x10000-0x20000 l2-subclusters-invalid L1[0] -> L2[1]']);
  });

  it('lists data past the end of the file, where QEMU reads zeros: a copy that was cut has lost it', async () => {
    const image = twoClusters();
    image.truncate(image.at(6) + 512n);
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(firstBytes(saved, 2), [5, 6]);
    assert.deepEqual(missingLines(saved), ['0x10200-0x20000 data-past-end L1[0] -> L2[1] -> 0x60200']);
  });

  it('lists what an L2 table past the end of the file has led to', async () => {
    const image = twoClusters({ size: 1 << 30 });
    image.l1(1, copied | image.at(100));
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(missingLines(saved), ['0x20000000-0x40000000 l2-table-past-end L1[1] -> 0x640000']);
  });

  it('lists what the part of an L2 table past the end of the file has led to', async () => {
    const image = new ImageBuilder({ size: 1 << 30 });
    image.l1(0, copied | image.at(5)).entry(5, 0, copied | image.at(4));
    image.put(image.at(4), new Uint8Array(cluster).fill(4)).truncate(image.at(5) + 100n);
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(firstBytes(saved, 1), [4]);
    assert.deepEqual(missingLines(saved), ['0xc0000-0x20000000 l2-table-past-end L1[0] -> 0x50060']);
  });

  it('lists what an L1 table past the end of the file, or one too small, has led to', async () => {
    const past = twoClusters().header({ l1_table_offset: 1 << 30 });
    assert.deepEqual(missingLines((await saveFrom(past.toStorage())).saved), [
      '0x0-0x100000 l1-table-past-end L1[0] -> 0x40000000',
    ]);
    const small = twoClusters({ size: 1 << 30, l1_size: 1 });
    assert.deepEqual(missingLines((await saveFrom(small.toStorage())).saved), [
      '0x20000000-0x40000000 l1-table-too-small L1[1]',
    ]);
  });

  it('follows no L1 table that is not at a cluster, though zeros could be read there', async () => {
    const image = twoClusters().header({ l1_table_offset: 3 * cluster + 512 });
    assert.deepEqual(missingLines((await saveFrom(image.toStorage())).saved), [
      '0x0-0x100000 l1-table-unaligned L1[0] -> 0x30200',
    ]);
    const snapshot = withSnapshot().put64(6 * cluster, 7 * cluster + 512);
    const { saved } = await saveFrom(snapshot.toStorage(), { choice: { from: 'snapshot', index: 0 } });
    assert.deepEqual(missingLines(saved), ['0x0-0x100000 l1-table-unaligned L1[0] -> 0x70200']);
  });

  it('goes on over an L1 entry that is not at a cluster', async () => {
    const image = twoClusters({ size: 1 << 30 });
    image.l1(1, copied | (image.at(4) + 512n));
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(firstBytes(saved, 2), [5, 6]);
    assert.deepEqual(missingLines(saved), ['0x20000000-0x40000000 l1-entry-unaligned L1[1] -> 0x40200']);
  });

  it('goes on over bad sectors of data, and saves the sectors around them', async () => {
    const image = twoClusters();
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(5) / 512n + 3n, count: 2 }]);
    const { saved } = await saveFrom(storage);
    assert.deepEqual(missingLines(saved), ['0x600-0xa00 data-unreadable L1[0] -> L2[0] -> 0x50600']);
    assert.deepEqual([...saved.disk.slice(0x5ffn, 2), ...saved.disk.slice(0x9ffn, 2)], [5, 0, 0, 5]);
    assert.equal(
      missingText(saved.ranges[0] ?? { reason: 'data-unreadable' }),
      'The data can’t be read: Input/output error.',
    );
  });

  it('goes on over bad sectors of an L2 table', async () => {
    const image = twoClusters();
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(4) / 512n }]);
    const { saved } = await saveFrom(storage);
    assert.deepEqual(missingLines(saved), ['0x0-0x100000 l2-unreadable L1[0] -> L2[0…15] -> 0x40000']);
  });

  it('goes on over bad sectors of the L1 table', async () => {
    const tables = 128;
    const image = new ImageBuilder({ cluster_bits: 9, size: tables * 64 * 512 });
    for (let index = 0; index < tables; index++) {
      image.l1(index, copied | image.at(20));
    }
    image.entry(20, 1, copied | image.at(21)).put(image.at(21), new Uint8Array(512).fill(7));
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(4) / 512n }]);
    const { saved, summary } = await saveFrom(storage);
    assert.deepEqual(missingLines(saved), ['0x200000-0x400000 l1-unreadable L1[64…127] -> 0x800']);
    assert.equal(summary.data, 64 * 512);
  });

  it('goes on over compressed clusters that do not decompress, or can’t be read', async () => {
    const image = new ImageBuilder();
    const stream = deflateRawSync(Buffer.alloc(cluster, 'text '));
    image.l1(0, copied | image.at(4));
    for (let index = 0; index < 4; index++) {
      image.entry(4, index, compressed | image.at(5 + index)).put(image.at(5 + index), stream);
    }
    image.put(image.at(6), [0xff, 0xff, 0xff]);
    const storage = new FailingStorage(image.truncate(image.at(8)).toStorage(), [{ sector: image.at(7) / 512n }]);
    const { saved, summary } = await saveFrom(storage);
    assert.deepEqual(firstBytes(saved, 4), [...Buffer.from('t'), 0, 0, 0]);
    assert.equal(summary.data, cluster);
    assert.deepEqual(missingLines(saved), [
      '0x10000-0x20000 compressed-broken L1[0] -> L2[1] -> 0x60000',
      '0x20000-0x30000 compressed-unreadable L1[0] -> L2[2] -> 0x70000',
      '0x30000-0x40000 compressed-past-end L1[0] -> L2[3] -> 0x80000',
    ]);
  });

  it('takes what is not allocated from the backing file, and zeros from past its end', async () => {
    const base = new MemoryStorage(300_000n);
    base.write(0n, new Uint8Array(300_000).fill(9));
    const image = twoClusters().backing('base.raw', 'raw');
    const { saved } = await saveFrom(image.toStorage(), { base });
    assert.deepEqual(firstBytes(saved, 6), [5, 6, 9, 9, 9, 0]);
    assert.deepEqual([...saved.disk.slice(299_999n, 2)], [9, 0]);
    assert.deepEqual(saved.ranges, []);
  });

  it('names the file of the chain in which something is missing', async () => {
    const base = new MemoryStorage(1n << 20n);
    base.write(0n, new Uint8Array(1 << 20).fill(9));
    const failing = new FailingStorage(base, [{ sector: 1000 }]);
    const { saved } = await saveFrom(twoClusters().backing('base.raw', 'raw').toStorage(), { base: failing });
    assert.deepEqual(
      saved.ranges.map(({ file, depth, reason, from, host }) => ({ file, depth, reason, from, host })),
      [{ file: 'base.raw', depth: 1, reason: 'data-unreadable', from: 512_000, host: 512_000n }],
    );
  });

  it('lists what is in a backing file that is not opened as not tried', async () => {
    const { saved } = await saveFrom(twoClusters().backing('base.raw', 'raw').toStorage());
    assert.deepEqual(missingLines(saved), ['0x20000-0x100000 backing-not-opened L1[0] -> L2[2…15]']);
    assert.deepEqual(mapText(saved.map), ['0x0-0x20000 +', '0x20000-0x100000 ?']);
  });

  it('lists what is not allocated where the name of the backing file can’t be read', async () => {
    const image = twoClusters().header({ backing_file_offset: 1 << 20, backing_file_size: 8 });
    const { saved } = await saveFrom(image.toStorage());
    assert.deepEqual(missingLines(saved), ['0x20000-0x100000 backing-not-opened L1[0] -> L2[2…15]']);
  });

  it('takes data from the external data file, or lists it', async () => {
    const image = new ImageBuilder({ incompatible_features: 4 });
    image.l1(0, copied | image.at(4)).entry(4, 1, copied | 65536n);
    image.entry(4, 2, copied | 65536n);
    const dataFile = new MemoryStorage(1n << 20n);
    dataFile.write(65536n, new Uint8Array(cluster).fill(3));
    const { saved } = await saveFrom(image.toStorage(), { dataFile });
    assert.deepEqual(firstBytes(saved, 3), [0, 3, 0]);
    const wrong = '0x20000-0x30000 l2-data-file-offset L1[0] -> L2[2]';
    assert.deepEqual(missingLines(saved), [wrong]);
    const { saved: closed } = await saveFrom(image.toStorage());
    assert.deepEqual(missingLines(closed), ['0x10000-0x20000 data-file-not-opened L1[0] -> L2[1] -> 0x10000', wrong]);
  });

  it('saves a snapshot, and the disk of any L1 table in the file', async () => {
    const image = withSnapshot();
    // The disk has been written since: the active layer leads elsewhere.
    image
      .l1(0, copied | image.at(8))
      .entry(8, 0, copied | image.at(9))
      .put(image.at(9), 'since')
      .truncate(image.at(10));
    const text = async (choice: Parameters<typeof saveFrom>[1]): Promise<string> =>
      Buffer.from((await saveFrom(image.toStorage(), choice)).saved.disk.slice(0n, 5)).toString();
    assert.equal(await text({}), 'since');
    assert.equal(await text({ choice: { from: 'snapshot', index: 0 } }), 'data ');
    assert.equal(await text({ choice: { from: 'l1', offset: image.at(7), entries: 1 } }), 'data ');
    // The active L1 table's place is lost, and found again.
    image.header({ l1_table_offset: 1 << 30 });
    assert.equal(await text({ choice: { from: 'l1', offset: image.at(3), entries: 1 } }), 'since');
    await assert.rejects(text({ choice: { from: 'l1', offset: image.at(3) + 8n, entries: 1 } }), {
      code: 'bad-argument',
    });
    await assert.rejects(text({ choice: { from: 'l1', offset: image.at(99), entries: 1 } }), { code: 'bad-argument' });
  });

  it('says of an encrypted image that this is not there yet', async () => {
    await assert.rejects(saveFrom(twoClusters({ crypt_method: 1 }).toStorage()), {
      code: 'not-supported',
      message: /encrypted/,
    });
  });

  it('says that no disk is found where the header does not say where the tables are', async () => {
    await assert.rejects(saveFrom(twoClusters().header({ cluster_bits: 40 }).toStorage()), { code: 'damaged' });
  });

  it('reads the tables of what is allocated alone of a disk of 128 TiB', async () => {
    const image = twoClusters({ size: 1n << 47n });
    const storage = new CountingStorage(image.toStorage());
    const { summary } = await saveFrom(storage);
    assert.equal(summary.data, 2 * cluster);
    assert(storage.bytes < 4 * 2 ** 20, `${storage.bytes} bytes read`);
  });
});

describe('salvage that is stopped', () => {
  /** 16 clusters, each of its own number. */
  function full(): ImageBuilder {
    const image = new ImageBuilder();
    image.l1(0, copied | image.at(4));
    for (let index = 0; index < 16; index++) {
      image
        .entry(4, index, copied | image.at(20 - index))
        .put(image.at(20 - index), new Uint8Array(cluster).fill(index + 1));
    }
    return image;
  }

  const all = Array.from({ length: 16 }, (_, index) => index + 1);

  it('at any step leaves a map by which the next run goes on, without reading again what was saved', async () => {
    const whole = (await saveFrom(full().toStorage())).saved;
    for (let stop = 1; stop < 20; stop += 3) {
      const into = new SavedDisk(1 << 20);
      let steps = 0;
      const progress = {
        step: async (): Promise<void> => {
          if (++steps === stop) {
            throw new Qcow2Error('cancelled', 'Cancelled.');
          }
        },
      };
      await assert.rejects(saveFrom(full().toStorage(), { into, progress }), { code: 'cancelled' });
      assert.equal(into.ended, false);
      const done = [...into.map.regions()]
        .filter(({ status }) => status === '+')
        .reduce((sum, { from, to }) => sum + to - from, 0);
      const { summary } = await saveFrom(full().toStorage(), { into });
      assert.equal(summary.earlier, done);
      assert.equal(summary.data, 2 ** 20 - done);
      assert.deepEqual(into.disk.slice(0n, 1 << 20), whole.disk.slice(0n, 1 << 20));
      assert.deepEqual(mapText(into.map), ['0x0-0x100000 +']);
    }
  });

  it('by a full disk says so, and goes on once there is room', async () => {
    const into = new SavedDisk(1 << 20);
    const write = into.write.bind(into);
    // Pages of 4 KiB: five clusters.
    let room = 80;
    into.write = async (at, bytes) => {
      if (room-- <= 0) {
        throw new Qcow2Error('write-failed', 'The disk is full.', { system: 'ENOSPC' });
      }
      await write(at, bytes);
    };
    await assert.rejects(saveFrom(full().toStorage(), { into }), {
      code: 'write-failed',
      message: 'The disk is full.',
    });
    assert.deepEqual(mapText(into.map), ['0x0-0x50000 +', '0x50000-0x100000 ?']);
    room = Number.POSITIVE_INFINITY;
    await saveFrom(full().toStorage(), { into });
    assert.deepEqual(firstBytes(into, 16), all);
  });

  it('by a full disk says so as well where the map can’t be written either', async () => {
    const into = new SavedDisk(1 << 20);
    const full_ = async (): Promise<never> => {
      throw new Qcow2Error('write-failed', 'The disk is full.', { system: 'ENOSPC' });
    };
    into.write = async () => {
      into.record = full_;
      return full_();
    };
    await assert.rejects(saveFrom(full().toStorage(), { into }), { system: 'ENOSPC', message: /from the last record/ });
    assert.deepEqual(mapText(into.map), ['0x0-0x100000 ?']);
  });

  it('tries again what was missing, and keeps what it gets', async () => {
    const image = full();
    const into = new SavedDisk(1 << 20);
    const bad = [{ sector: image.at(18) / 512n, count: 128 }];
    await saveFrom(new FailingStorage(image.toStorage(), bad), { into });
    assert.deepEqual(mapText(into.map), ['0x0-0x20000 +', '0x20000-0x30000 -', '0x30000-0x100000 +']);
    into.ranges.length = 0;
    const { summary } = await saveFrom(image.toStorage(), { into });
    assert.deepEqual([summary.earlier, summary.data, summary.missing], [15 * cluster, cluster, 0]);
    assert.deepEqual(firstBytes(into, 16), all);
  });
});
