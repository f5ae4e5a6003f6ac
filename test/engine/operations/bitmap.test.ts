import assert from 'node:assert/strict';
import type { Qcow2Error } from '../../../src/engine/error.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { planBitmap } from '../../../src/engine/operations/bitmap.ts';
import { actOn } from '../../../src/engine/operations/bitmapActions.ts';
import type { PlannedBitmap } from '../../../src/engine/operations/plannedBitmap.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { ImageBuilder } from '../../support/builder.ts';
import { FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';
import { act, bitmapsIn, bytes, plan, soil } from './bitmapRun.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** An empty image of 1 MiB with clusters of 4 KiB, which has two bitmaps: `a`, of granularity 512, all dirty; `b`, clean. */
async function twoBitmaps(): Promise<MemoryStorage> {
  const empty = new ImageBuilder({ cluster_bits: 12 }).toStorage();
  const { image } = await act(empty, 'a', { verb: 'add', granularity: 512n });
  return (await act(await soil(image, 0), 'b', { verb: 'add' })).image;
}

/** Overwrites four bytes, big endian. */
function put32(image: MemoryStorage, at: bigint, value: number): void {
  const word = new Uint8Array(4);
  new DataView(word.buffer).setUint32(0, value);
  image.write(at, word);
}

async function directoryOf(image: MemoryStorage): Promise<bigint> {
  const { bitmapDirectory } = await openImage(image);
  assert(bitmapDirectory);
  return bitmapDirectory.directoryOffset;
}

function fails(code: Qcow2Error['code'], says: RegExp) {
  return (error: Qcow2Error): boolean => error.code === code && says.test(error.message);
}

describe('planBitmap', () => {
  describe('adds a bitmap', () => {
    for (const [clusterBits, granularityBits] of [
      [9, 12],
      [13, 13],
      [16, 16],
      [21, 16],
    ] as const) {
      it(`with a bit for 2^${granularityBits} bytes where clusters have 2^${clusterBits} and nobody says how many`, async () => {
        const { image } = await act(new ImageBuilder({ cluster_bits: clusterBits }).toStorage(), 'b', { verb: 'add' });
        const [bitmap] = await bitmapsIn(image);
        assert.equal(bitmap?.fields.granularity_bits, granularityBits);
      });
    }

    it('that is enabled, of type dirty tracking, clean, and without a cluster of data', async () => {
      const { image } = await act(new ImageBuilder().toStorage(), 'b', { verb: 'add' });
      const [bitmap] = await bitmapsIn(image);
      assert.deepEqual(bitmap, {
        name: 'b',
        fields: {
          bitmap_table_offset: 4n * 65536n,
          bitmap_table_size: 1,
          flags: 2,
          type: 1,
          granularity_bits: 16,
          name_size: 1,
          extra_data_size: 0,
        },
        dirty: [],
      });
      const { header } = await openImage(image);
      assert.equal(header?.autoclear_features, 1n);
    });

    it('to 65534 others, and not to 65535', async () => {
      const image = await openImage(new ImageBuilder().toStorage());
      await actOn(image, manyBitmaps(65534, 5), bytes('b'), [{ verb: 'add' }]);
      await assert.rejects(
        actOn(image, manyBitmaps(65535, 5), bytes('b'), [{ verb: 'add' }]),
        (error: Qcow2Error) =>
          error.code === 'too-large' && error.qemu?.includes('Maximum number of persistent bitmaps') === true,
      );
    });

    it('as long as the directory has room: 1024 * 65535 bytes', async () => {
      const image = await openImage(new ImageBuilder().toStorage());
      // 1048 bytes each, which leaves 208.
      const others = manyBitmaps(64034, 1023);
      await actOn(image, others, bytes('b'.repeat(184)), [{ verb: 'add' }]);
      await assert.rejects(
        actOn(image, others, bytes('b'.repeat(185)), [{ verb: 'add' }]),
        (error: Qcow2Error) =>
          error.code === 'too-large' && error.qemu?.includes('Not enough space in the bitmap directory') === true,
      );
    });
  });

  describe('does several actions as one change', () => {
    it('in the order given', async () => {
      const { image } = await act(
        await twoBitmaps(),
        'b',
        { verb: 'merge', name: bytes('a') },
        { verb: 'clear' },
        { verb: 'disable' },
      );
      const [, b] = await bitmapsIn(image);
      assert.deepEqual([b?.fields.flags, b?.dirty], [0, []]);
      const other = await act(await twoBitmaps(), 'b', { verb: 'clear' }, { verb: 'merge', name: bytes('a') });
      assert.deepEqual((await bitmapsIn(other.image))[1]?.dirty, [[0, MiB]]);
    });

    it('or none of them', async () => {
      await assert.rejects(
        plan(await twoBitmaps(), 'c', { verb: 'add' }, { verb: 'merge', name: bytes('nope') }),
        fails('not-found', /there is no bitmap 'nope'/),
      );
    });

    it('and keeps the order of the directory, where a new bitmap is the last', async () => {
      const { image } = await act(await twoBitmaps(), 'a', { verb: 'remove' }, { verb: 'add' });
      assert.deepEqual(
        (await bitmapsIn(image)).map(({ name, dirty }) => [name, dirty]),
        [
          ['b', []],
          ['a', []],
        ],
      );
    });

    it('and has no steps where nothing is left to do', async () => {
      const image = new ImageBuilder().toStorage();
      assert.deepEqual((await plan(image, 'b', { verb: 'add' }, { verb: 'remove' })).steps, []);
    });
  });

  it('removes the last bitmap with the extension and its feature bit', async () => {
    const first = await act(await twoBitmaps(), 'a', { verb: 'remove' });
    const { image } = await act(first.image, 'b', { verb: 'remove' });
    const { header, extensions } = await openImage(image);
    assert.equal(header?.autoclear_features, 0n);
    assert.deepEqual(extensions, []);
  });

  describe('merges', () => {
    it('what is dirty, rounded out to the granularity, as far as the disk goes', async () => {
      const empty = new ImageBuilder({ cluster_bits: 12, size: MiB + 512 }).toStorage();
      const { image: fine } = await act(empty, 'fine', { verb: 'add', granularity: 4096n });
      const { image } = await act(
        await soil(fine, 0),
        'coarse',
        { verb: 'add', granularity: 65536n },
        { verb: 'merge', name: bytes('fine') },
      );
      assert.deepEqual((await bitmapsIn(image))[1]?.dirty, [[0, MiB + 512]]);
      const { image: back } = await act(
        image,
        'finest',
        { verb: 'add', granularity: 512n },
        { verb: 'merge', name: bytes('coarse') },
      );
      assert.deepEqual((await bitmapsIn(back))[2]?.dirty, [[0, MiB + 512]]);
    });

    it('a bitmap of another image, and says so where that one changes meanwhile', async () => {
      const other = await twoBitmaps();
      const from = await openImage(other);
      const actions = [{ verb: 'add' }, { verb: 'merge', name: bytes('a'), from }] as const;
      const empty = new ImageBuilder().toStorage();
      const { image } = await act(empty, 'new', ...actions);
      assert.deepEqual((await bitmapsIn(image))[0]?.dirty, [[0, MiB]]);
      const change = await plan(empty, 'new', ...actions);
      const stream = change.steps.find((step) => step.stream)?.stream;
      assert(stream);
      const [a] = await bitmapsIn(other);
      // Its table: nothing is dirty any more.
      other.write(a?.fields.bitmap_table_offset ?? 0n, new Uint8Array(8));
      await assert.rejects(
        async () => {
          for await (const write of stream()) {
            assert(write);
          }
        },
        fails('changed-since', /has changed since the change was planned/),
      );
    });

    it('nothing from an image whose bitmaps QEMU would refuse', async () => {
      const other = await twoBitmaps();
      // The type of the first entry.
      other.write((await directoryOf(other)) + 16n, Uint8Array.of(7));
      const from = await openImage(other);
      await assert.rejects(
        plan(await twoBitmaps(), 'b', { verb: 'merge', name: bytes('b'), from }),
        fails('refused', /Repair it first/),
      );
    });
  });

  describe('says what is given up', () => {
    for (const verb of ['remove', 'clear'] as const) {
      it(`when it ${verb}s a bitmap with dirty ranges`, async () => {
        const image = await twoBitmaps();
        assert.deepEqual((await plan(image, 'a', { verb })).cautions, [
          "Bitmap 'a' marks 1 MiB of the disk as written: that is given up.",
        ]);
        assert.deepEqual((await plan(image, 'b', { verb })).cautions, []);
      });
    }

    it('when the header forgets bitmaps that were not kept up to date', async () => {
      const before = await twoBitmaps();
      // autoclear_features
      before.write(88n, new Uint8Array(8));
      const { image, change } = await act(before, 'c', { verb: 'add' });
      assert.match(change.cautions[0] ?? '', /^The 2 bitmaps that are there were not kept up to date/);
      assert.deepEqual(
        (await bitmapsIn(image)).map(({ name }) => name),
        ['c'],
      );
    });
  });

  describe('keeps what it does not know', () => {
    for (const verb of ['add', 'clear', 'enable', 'disable', 'remove', 'merge'] as const) {
      it(`when it does ${verb}: header fields, extensions, compatible bits; autoclear bits are cleared`, async () => {
        const builder = new ImageBuilder({
          cluster_bits: 12,
          header_length: 128,
          compatible_features: 1n << 40n,
          autoclear_features: 1n << 50n,
        });
        builder.put(112, 'more fields 12345').extension(0x0badf00d, 'first').extension(0x0badf11d, 'second');
        const { image: one } = await act(builder.toStorage(), 'one', { verb: 'add' });
        const { image: two } = await act(one, 'two', { verb: 'add' });
        // A writer has set the bit again.
        two.write(88n, Uint8Array.of(0, 4, 0, 0, 0, 0, 0, 1));
        const { image } = await act(
          two,
          verb === 'add' ? 'three' : 'two',
          verb === 'merge' ? { verb, name: bytes('one') } : { verb },
        );
        const { header, extensions } = await openImage(image);
        assert.deepEqual(header?.unknownFields, bytes('more fields 1234'));
        assert.equal(header?.compatible_features, 1n << 40n);
        assert.equal(header?.autoclear_features, 1n);
        assert.deepEqual(
          extensions.slice(1).map(({ type, data }) => [type, Buffer.from(data).toString()]),
          [
            [0x0badf00d, 'first'],
            [0x0badf11d, 'second'],
          ],
        );
      });
    }
  });

  describe('refuses', () => {
    it('an image whose refcounts are all zero: what is in use would be freed', async () => {
      const image = await twoBitmaps();
      // Refcounts: cluster 2 is the block.
      image.write(2n * 4096n, new Uint8Array(4096));
      await assert.rejects(plan(image, 'a', { verb: 'remove' }), fails('damaged', /refcount is 0/));
    });

    it('to free a cluster that something else uses too', async () => {
      const image = await twoBitmaps();
      const [a, b] = await bitmapsIn(image);
      assert(a && b);
      // One table for both.
      image.write(await directoryOf(image), image.slice((await directoryOf(image)) + 32n, 8));
      await assert.rejects(plan(image, 'a', { verb: 'remove' }), fails('damaged', /in use for two things at once/));
    });

    it('an image that is dirty, corrupt, or of unknown features', async () => {
      for (const bit of [1, 2, 32]) {
        const image = await twoBitmaps();
        image.write(79n, Uint8Array.of(bit));
        await assert.rejects(plan(image, 'a', { verb: 'clear' }), fails('refused', /The image is not changed/));
      }
    });

    it('a bitmap with extra data, a flag, or a type that QEMU refuses', async () => {
      for (const [at, value] of [
        [20n, 8],
        [12n, 0x80],
        [16n, 0x0209_0001],
      ] as const) {
        const image = await twoBitmaps();
        put32(image, (await directoryOf(image)) + at, value);
        await assert.rejects(plan(image, 'b', { verb: 'clear' }), fails('refused', /Repair it first/));
      }
    });

    it('to store anew what it can’t read', async () => {
      const image = await twoBitmaps();
      const [a] = await bitmapsIn(image);
      assert(a);
      const table = Number(a.fields.bitmap_table_offset / 512n);
      const place = new DataView(image.slice(a.fields.bitmap_table_offset, 8).slice().buffer).getBigUint64(0);
      assert.notEqual(place, 0n, 'it has data');
      for (const sector of [table, Number(place / 512n)]) {
        const failing = new FailingStorage(image, [{ sector }]);
        const from = { identity: '', size: image.size, modified: 0n, changed: 0n };
        const request = { name: bytes('b'), actions: [{ verb: 'disable' }] } as const;
        await assert.rejects(
          openImage(failing).then((opened) => planBitmap(opened, failing, from, request, noProgress)),
          fails('damaged', /can’t be read/),
        );
      }
    });
  });

  it('takes the bit off meanwhile where what says where the bitmaps are lies in two sectors', async () => {
    // The extension's data start 8 bytes before the second sector.
    const builder = new ImageBuilder({ header_length: 112 }).extension(0x0badf00d, new Uint8Array(376));
    const { image: one } = await act(builder.toStorage(), 'one', { verb: 'add' });
    const { extensions } = await openImage(one);
    assert.deepEqual(
      extensions.map(({ offset }) => offset),
      [112, 144],
    );
    const moved = new MemoryStorage(one.slice(0n, Number(one.size)).slice());
    // Bitmaps after the unknown extension, as another writer may put them.
    const [bitmaps, unknown] = [one.slice(112n, 32).slice(), one.slice(144n, 384).slice()];
    moved.write(112n, unknown);
    moved.write(496n, bitmaps);
    const { image, change } = await act(moved, 'two', { verb: 'add' });
    assert.equal(change.protection, undefined);
    assert.equal((await bitmapsIn(image)).length, 2);
  });
});

/** So many bitmaps with names of so many bytes. */
function manyBitmaps(count: number, nameBytes: number): PlannedBitmap[] {
  return Array.from({ length: count }, (_, index) => {
    const name = new Uint8Array(nameBytes);
    new DataView(name.buffer).setUint32(0, index);
    const state = { enabled: true, inconsistent: false, sources: new Set<never>(), entry: undefined };
    return { nameBytes: name, granularityBits: 16, ...state };
  });
}
