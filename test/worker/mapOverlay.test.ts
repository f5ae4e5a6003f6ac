import assert from 'node:assert/strict';
import type { MapApi } from '../../src/protocol/mapApi.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { withBitmap } from './bitmapImage.ts';
import { type MapCalls, mapOf } from './mapCalls.ts';

const kib64 = 65536n;

/** 16 clusters of a disk with a snapshot that has 0 and 1 (in an L2 table of its own), and 3 elsewhere. */
function shared(): ImageBuilder {
  const image = new ImageBuilder({ size: 16n * kib64, nb_snapshots: 1, snapshots_offset: 8n * kib64 });
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, image.at(5))
    .entry(4, 1, compressed | image.at(6))
    .entry(4, 2, copied | image.at(7))
    .entry(4, 3, copied | image.at(11) | zero);
  image
    .put64(image.at(8), image.at(9))
    .put32(image.at(8) + 8n, 1)
    .put32(image.at(8) + 36n, 16)
    .put64(image.at(8) + 48n, 16n * kib64);
  image
    .put64(image.at(9), image.at(10))
    .entry(10, 0, image.at(5))
    .entry(10, 1, compressed | image.at(6))
    .entry(10, 3, image.at(12));
  return image.truncate(image.at(16));
}

type Overlaid = Parameters<MapApi['overlay']>[0];

async function values(map: MapCalls, request: Partial<Overlaid> & Pick<Overlaid, 'overlay'>): Promise<number[]> {
  const asked = { space: 'guest', start: 0n, length: 16n * kib64, cells: 16, ...request } as Overlaid;
  return [...(await map.overlay(asked)).values];
}

describe('an overlay of the guest’s map', () => {
  it('of sharing tells the clusters that snapshots have too', async () => {
    const map = await mapOf(shared().toStorage());
    assert.deepEqual((await values(map, { overlay: 'sharing' })).slice(0, 5), [1, 1, 0, 0, 0]);
    assert.deepEqual(await values(map, { overlay: 'sharing', cells: 4 }), [0.5, 0, 0, 0]);
    assert.deepEqual((await values(map, { overlay: 'sharing', snapshot: 0 })).slice(0, 5), [1, 1, 0, 0, 0]);
    const next = { space: 'guest', kind: 'shared-cluster', from: -1n, direction: 'next' } as const;
    assert.deepEqual(await map.step(next), { offset: 0n, length: 2n * kib64 });
    assert.equal(await map.step({ ...next, from: 0n }), undefined);
  });

  it('of sharing tells all of an L2 table that two layers have', async () => {
    const image = shared();
    image.put64(image.at(9), image.at(4));
    const map = await mapOf(image.toStorage());
    assert.deepEqual((await values(map, { overlay: 'sharing' })).slice(0, 6), [1, 1, 1, 1, 0, 0]);
  });

  it('of sharing is 0 without snapshots', async () => {
    const image = new ImageBuilder({ size: 16n * kib64 });
    image.l1(0, image.at(4)).entry(4, 0, image.at(5)).truncate(image.at(6));
    assert.ok((await values(await mapOf(image.toStorage()), { overlay: 'sharing' })).every((part) => part === 0));
  });

  it('of fragmentation counts the jumps of each cell, within an L2 table', async () => {
    const image = new ImageBuilder({ size: 16n * kib64 });
    image.l1(0, copied | image.at(4));
    for (const [entry, host] of [
      [0, 5],
      [1, 6],
      [3, 7],
      [4, 9],
      [5, 8],
    ] as const) {
      image.entry(4, entry, copied | image.at(host));
    }
    image.entry(4, 6, compressed | image.at(10)).entry(4, 7, copied | image.at(9));
    const map = await mapOf(image.truncate(image.at(12)).toStorage());
    assert.deepEqual((await values(map, { overlay: 'fragmentation' })).slice(0, 8), [0, 0, 0, 0, 1, 1, 1, 0]);
    assert.deepEqual(await values(map, { overlay: 'fragmentation', cells: 4 }), [0, 3, 0, 0]);
    const part = await values(map, { overlay: 'fragmentation', start: 4n * kib64, length: 2n * kib64, cells: 2 });
    assert.deepEqual(part, [1, 1], 'as of the whole, although the table is read from its middle on');
    const jump = { space: 'guest', kind: 'jump' } as const;
    assert.deepEqual(await map.step({ ...jump, from: 4n * kib64, direction: 'next' }), {
      offset: 5n * kib64,
      length: kib64,
    });
    assert.deepEqual(await map.step({ ...jump, from: 5n * kib64, direction: 'previous' }), {
      offset: 4n * kib64,
      length: kib64,
    });
  });

  it('of findings counts those that touch each cell, of the layer that is shown', async () => {
    const image = shared();
    image.entry(4, 9, copied | (image.at(13) + 512n)).entry(10, 12, image.at(13) + 512n);
    const map = await mapOf(image.toStorage());
    const active = await values(map, { overlay: 'findings' });
    assert.deepEqual([active[9], active[12]], [1, 0]);
    const snapshot = await values(map, { overlay: 'findings', snapshot: 0 });
    assert.deepEqual([snapshot[9], snapshot[12]], [0, 1]);
    const finding = { space: 'guest', kind: 'finding' } as const;
    assert.deepEqual(await map.step({ ...finding, from: 0n, direction: 'next' }), {
      offset: 9n * kib64,
      length: kib64,
    });
    assert.equal(await map.step({ ...finding, from: 9n * kib64, direction: 'next' }), undefined);
  });

  it('of a bitmap tells which part of each cell is dirty', async () => {
    // Granules of 64 KiB: 1, 2 and 9 are dirty.
    const map = await mapOf(withBitmap([0b0000_0110, 0b0000_0010]));
    const cells = await values(map, { overlay: 'bitmap', bitmap: 0 });
    assert.deepEqual(cells, [0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(await values(map, { overlay: 'bitmap', bitmap: 0, cells: 4 }), [0.5, 0, 0.25, 0]);
    const dirty = { space: 'guest', kind: 'dirty', bitmap: 0 } as const;
    assert.deepEqual(await map.step({ ...dirty, from: 0n, direction: 'next' }), { offset: kib64, length: 2n * kib64 });
    assert.deepEqual(await map.step({ ...dirty, from: 2n * kib64, direction: 'next' }), {
      offset: 9n * kib64,
      length: kib64,
    });
    assert.deepEqual(await map.step({ ...dirty, from: 9n * kib64, direction: 'previous' }), {
      offset: kib64,
      length: 2n * kib64,
    });
    await assert.rejects(values(map, { overlay: 'bitmap', bitmap: 1 }), { code: 'not-found' });
  });
});

describe('an overlay of the file’s map', () => {
  it('of sharing counts references first', async () => {
    const map = await mapOf(shared().toStorage());
    const cells = await values(map, { space: 'host', overlay: 'sharing' });
    assert.deepEqual(
      cells.flatMap((part, cluster) => (part === 1 ? [cluster] : [])),
      [5],
    );
  });

  it('of findings counts those whose bytes of the file it has', async () => {
    const image = shared();
    image.entry(4, 9, copied | (image.at(13) + 512n));
    const cells = await values(await mapOf(image.toStorage()), { space: 'host', overlay: 'findings' });
    assert.deepEqual(cells[4], 1);
  });

  it('is not there for what the guest alone has', async () => {
    const map = await mapOf(shared().toStorage());
    await assert.rejects(values(map, { space: 'host', overlay: 'fragmentation' }), { code: 'bad-argument' });
  });
});
