import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bitmapName } from '../../src/engine/format/bitmaps.ts';
import { readBitmaps } from '../../src/engine/image/bitmapDirectory.ts';
import { unreadableBitmap, walkBitmap } from '../../src/engine/image/bitmapRanges.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { create, follow, img, io, type Step } from '../support/imageRecipe.ts';

const disk = 'disk.qcow2';
const KiB = 1024;
const MiB = 1024 * KiB;

type Ranges = readonly (readonly [start: number, length: number])[];

/** Bitmaps with the ranges that QEMU must have marked, from the writes that were made: rounded out to the granularity. */
const cases: readonly {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly expected: Readonly<Record<string, Ranges>>;
}[] = [
  {
    name: 'writes, rounded out to the granularity',
    steps: [
      create(disk, '16M'),
      img('bitmap', '--add', '-g', '4k', disk, 'fine'),
      img('bitmap', '--add', '-g', '1M', disk, 'coarse'),
      io(disk, 'write 0 4k', 'write 6k 1k', 'write 1023k 2k', 'write 15M 1M'),
    ],
    expected: {
      fine: [
        [0, 8 * KiB],
        [1020 * KiB, 8 * KiB],
        [15 * MiB, MiB],
      ],
      coarse: [
        [0, 2 * MiB],
        [15 * MiB, MiB],
      ],
    },
  },
  {
    name: 'discards and zeros, and none after it is disabled',
    steps: [
      create(disk, '8M'),
      img('bitmap', '--add', '-g', '64k', disk, 'b'),
      io(disk, 'write -z 1M 64k', 'discard 2M 128k'),
      img('bitmap', '--disable', disk, 'b'),
      io(disk, 'write 4M 64k'),
    ],
    expected: {
      b: [
        [MiB, 64 * KiB],
        [2 * MiB, 128 * KiB],
      ],
    },
  },
  {
    name: 'a bitmap merged into another, and a cleared one',
    steps: [
      create(disk, '8M'),
      img('bitmap', '--add', '-g', '64k', disk, 'a'),
      io(disk, 'write 0 64k'),
      img('bitmap', '--disable', disk, 'a'),
      img('bitmap', '--add', '-g', '64k', disk, 'b'),
      io(disk, 'write 128k 64k'),
      img('bitmap', '--add', '-g', '64k', '--merge', 'a', '--merge', 'b', disk, 'both'),
      img('bitmap', '--disable', disk, 'b'),
      img('bitmap', '--clear', disk, 'b'),
    ],
    expected: {
      a: [[0, 64 * KiB]],
      b: [],
      both: [
        [0, 64 * KiB],
        [128 * KiB, 64 * KiB],
      ],
    },
  },
  {
    name: 'all of a disk, clusters of 512 bytes and more than one cluster of bits',
    steps: [
      create(disk, '5M', 'cluster_size=512'),
      img('bitmap', '--add', '-g', '512', disk, 'all'),
      io(disk, 'write 0 5M'),
      img('bitmap', '--disable', disk, 'all'),
      img('bitmap', '--add', '-g', '512', disk, 'some'),
      io(disk, 'write 2096640 1k', 'write 5242368 512'),
    ],
    expected: {
      all: [[0, 5 * MiB]],
      some: [
        [2_096_640, KiB],
        [5_242_368, 512],
      ],
    },
  },
  {
    name: 'the end of a disk that is no multiple of the granularity',
    steps: [create(disk, '1536000'), img('bitmap', '--add', '-g', '1M', disk, 'b'), io(disk, 'write 1535488 512')],
    expected: { b: [[MiB, 1_536_000 - MiB]] },
  },
];

async function dirtyRanges(path: string): Promise<Record<string, [number, number][]>> {
  const storage = await openFile(path);
  try {
    const { geometry, bitmapDirectory } = await openImage(storage);
    assert(geometry && bitmapDirectory);
    const found: Record<string, [number, number][]> = {};
    for (const bitmap of await readBitmaps(storage, bitmapDirectory)) {
      assert.equal(unreadableBitmap(bitmap, geometry), undefined);
      const ranges: [number, number][] = [];
      await walkBitmap(
        storage,
        geometry,
        bitmap,
        0n,
        (state, start, length) => {
          assert.equal(state, 'dirty');
          return ranges.push([Number(start), Number(length)]) > 0;
        },
        noProgress,
      );
      found[bitmapName(bitmap)] = ranges;
    }
    return found;
  } finally {
    await storage.close();
  }
}

describe('the dirty ranges of bitmaps, against the writes that qemu-io made', function () {
  this.timeout(120_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-bitmaps-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { name, steps, expected } of cases) {
    it(name, async () => {
      await follow({ name, steps }, folder);
      assert.deepEqual(await dirtyRanges(join(folder, disk)), expected);
      await rm(join(folder, disk));
    });
  }
});
