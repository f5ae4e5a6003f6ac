import assert from 'node:assert/strict';
import type { Layer } from '../../src/engine/image/layer.ts';
import type { Storage } from '../../src/engine/ports.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { type SpaceCounts, type SpacePicture, spaceKinds } from '../../src/protocol/mapApi.ts';
import { guestSpace } from '../../src/worker/guestMap.ts';
import { countKinds, drawPicture } from '../../src/worker/mapPicture.ts';
import type { CallContext } from '../../src/worker/server.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { CountingStorage, FailingStorage } from '../support/memoryStorage.ts';
import { layerAt } from './layers.ts';

const kib64 = 65536n;

const context: CallContext = {
  signal: new AbortController().signal,
  report: () => undefined,
  progress: noProgress,
};

/** Parts of the cells as a list a cell. */
async function cellsOf(map: ReturnType<typeof guestMap>, request: MapRequest): Promise<number[][]> {
  const { parts, cells } = await map.picture(request, context);
  return Array.from({ length: cells }, (_, cell) => [...parts.subarray(cell * width, cell * width + 6)]);
}

/** Without the kinds of a backing file, which are 0. */
function kindsOnly(parts: Float32Array): number[] {
  return [...parts].filter((part, index) => {
    assert.ok(index % width < 6 || part === 0);
    return index % width < 6;
  });
}

interface MapRequest {
  readonly start: bigint;
  readonly length: bigint;
  readonly cells: number;
}

const width = spaceKinds.guest.length;

/** The map of a layer without a backing file. */
function guestMap(
  image: { readonly storage: Storage },
  layer: Layer,
): {
  picture(request: MapRequest, context: CallContext): Promise<Omit<SpacePicture, 'counted'>>;
  counts(start: bigint, length: bigint): Promise<Pick<SpaceCounts, 'kinds' | 'clusters'>>;
} {
  const space = guestSpace(image, layer, false);
  return {
    picture: (request, calling) => drawPicture(space, request, calling),
    counts: (start, length) => countKinds(space, { start, length }, context),
  };
}

/** 8 clusters: data, compressed, allocated zeros, plain zeros, unallocated, and one with an unaligned offset. */
function mixed(): ImageBuilder {
  return new ImageBuilder({ size: 8n * kib64 })
    .l1(0, copied | (4n * kib64))
    .entry(4, 0, copied | (5n * kib64))
    .entry(4, 1, compressed | (6n * kib64))
    .entry(4, 2, copied | (7n * kib64) | zero)
    .entry(4, 3, zero)
    .entry(4, 5, copied | (8n * kib64 + 512n))
    .entry(4, 6, copied | (9n * kib64))
    .entry(4, 7, copied | (10n * kib64))
    .truncate(11n * kib64);
}

const mixedL1 = { offset: 3n * kib64, entries: 1 };

describe('the picture of a guest disk', () => {
  it('has each kind of cluster in its place', async () => {
    const storage = mixed().toStorage();
    const map = guestMap({ storage }, await layerAt(storage, { size: 8n * kib64 }, mixedL1));
    assert.deepEqual(await cellsOf(map, { start: 0n, length: 8n * kib64, cells: 8 }), [
      [1, 0, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0],
      [0, 0, 1, 0, 0, 0],
      [0, 0, 0, 1, 0, 0],
      [0, 0, 0, 0, 1, 0],
      [0, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
    ]);
  });

  it('has cells of a power of two of clusters, and no more of them than asked for', async () => {
    const storage = mixed().toStorage();
    const map = guestMap({ storage }, await layerAt(storage, { size: 8n * kib64 }, mixedL1));
    const picture = await map.picture({ start: 0n, length: 8n * kib64, cells: 3 }, context);
    assert.equal(picture.cellSize, 4n * kib64);
    assert.equal(picture.cells, 2);
    assert.deepEqual(kindsOnly(picture.parts), [0.25, 0.25, 0.25, 0.25, 0, 0, 0.5, 0, 0, 0, 0.25, 0.25]);
  });

  it('begins at a multiple of the cell, before the range that was asked for', async () => {
    const storage = mixed().toStorage();
    const map = guestMap({ storage }, await layerAt(storage, { size: 8n * kib64 }, mixedL1));
    const picture = await map.picture({ start: 3n * kib64, length: 4n * kib64, cells: 3 }, context);
    assert.equal(picture.start, 2n * kib64);
    assert.equal(picture.cellSize, 2n * kib64);
    assert.deepEqual(kindsOnly(picture.parts), [0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 1, 0, 0, 0, 0, 0]);
  });

  it('counts subclusters', async () => {
    const storage = new ImageBuilder({ size: kib64, incompatible_features: 0x10 })
      .l1(0, copied | (4n * kib64))
      .entry(4, 0, copied | (5n * kib64), 0xffn | (0xff00n << 32n))
      .truncate(6n * kib64)
      .toStorage();
    const layer = await layerAt(storage, { size: kib64, incompatible_features: 0x10n }, mixedL1);
    assert.deepEqual(await cellsOf(guestMap({ storage }, layer), { start: 0n, length: kib64, cells: 1 }), [
      [0.25, 0, 0.25, 0, 0.5, 0],
    ]);
  });

  it('shows as wrong what the L1 table does not reach', async () => {
    const storage = mixed().toStorage();
    const size = 3n * 8192n * kib64;
    const layer = await layerAt(storage, { size }, { offset: 3n * kib64, entries: 1 });
    const cells = await cellsOf(guestMap({ storage }, layer), { start: 0n, length: size, cells: 3 });
    assert.deepEqual(
      cells.map((cell) => cell[5]),
      [1 / 8192, 1, 1],
    );
  });

  it('shows as wrong what the disk fails to read, and the rest as it is', async () => {
    const storage = new FailingStorage(mixed().toStorage(), [{ sector: 4 * 128 }]);
    const layer = await layerAt(storage, { size: 128n * kib64 }, mixedL1);
    const cells = await cellsOf(guestMap({ storage }, layer), { start: 0n, length: 128n * kib64, cells: 2 });
    assert.deepEqual(cells, [
      [0, 0, 0, 0, 0, 1],
      [0, 0, 0, 0, 1, 0],
    ]);
  });

  it('reads the tables once, whatever is asked later', async () => {
    const storage = new CountingStorage(mixed().toStorage());
    const map = guestMap({ storage }, await layerAt(storage, { size: 8n * kib64 }, mixedL1));
    await map.picture({ start: 0n, length: 8n * kib64, cells: 8 }, context);
    storage.reset();
    await map.picture({ start: 0n, length: 8n * kib64, cells: 1 }, context);
    await map.picture({ start: 2n * kib64, length: 2n * kib64, cells: 2 }, context);
    assert.equal(storage.calls, 0);
  });

  it('of a part of a large disk reads the entries of that part alone', async () => {
    // 2 PiB of 64 KiB clusters: 4 million L1 entries, 2^35 clusters, one L2 table for the last of them.
    const size = 2n ** 51n;
    const entries = 2 ** 22;
    const l2 = 3n * kib64 + 8n * BigInt(entries);
    const builder = new ImageBuilder({ size, l1_size: entries }).l1(entries - 1, copied | l2);
    builder.put64(l2 + 8n * 8191n, copied | (l2 + kib64)).truncate(l2 + 2n * kib64);
    const storage = new CountingStorage(builder.toStorage());
    const map = guestMap({ storage }, await layerAt(storage, { size }, { offset: 3n * kib64, entries }));
    storage.reset();
    const part = { start: size - 16n * kib64, length: 16n * kib64, cells: 16 };
    const cells = await cellsOf(map, part);
    assert.deepEqual(cells.slice(14), [
      [0, 0, 0, 0, 1, 0],
      [1, 0, 0, 0, 0, 0],
    ]);
    assert.deepEqual(storage.ranges, [{ at: l2 + 8n * 8176n, length: 128 }]);
    const whole = await map.picture({ start: 0n, length: size, cells: 4096 }, context);
    assert.equal(whole.cells, 4096);
    assert.equal(whole.parts[4095 * width], Math.fround(1 / 2 ** 23));
  });

  it('is refused for a range that the disk has not got, and for too many cells', async () => {
    const storage = mixed().toStorage();
    const map = guestMap({ storage }, await layerAt(storage, { size: 8n * kib64 }, mixedL1));
    for (const request of [
      { start: 8n * kib64, length: kib64, cells: 1 },
      { start: 0n, length: 0n, cells: 1 },
      { start: -kib64, length: kib64, cells: 1 },
      { start: 0n, length: kib64, cells: 0 },
      { start: 0n, length: kib64, cells: 1e9 },
    ]) {
      await assert.rejects(map.picture(request, context), { code: 'bad-argument' });
    }
  });
});
