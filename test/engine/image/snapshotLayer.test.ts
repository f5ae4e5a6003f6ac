import assert from 'node:assert/strict';
import { walkExtents } from '../../../src/engine/image/extents.ts';
import { asGuestOffset } from '../../../src/engine/image/geometry.ts';
import { extentKinds } from '../../../src/engine/image/kinds.ts';
import { beyondL1, type Layer } from '../../../src/engine/image/layer.ts';
import { lookup } from '../../../src/engine/image/lookup.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { snapshotLayer } from '../../../src/engine/image/snapshotLayer.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage } from '../../support/memoryStorage.ts';

const cluster = 65536n;

interface SnapshotEntry {
  readonly l1: bigint;
  readonly entries: number;
  /** Without: no extra data. */
  readonly size?: bigint;
}

/** An image of 1 MiB with a snapshot table in cluster 8. */
function withSnapshots(entries: readonly SnapshotEntry[], count = entries.length): ImageBuilder {
  const image = new ImageBuilder({ size: 1 << 20, nb_snapshots: count, snapshots_offset: 8n * cluster });
  let at = image.at(8);
  for (const { l1, entries: l1Entries, size } of entries) {
    image.put64(at, l1).put32(at + 8n, l1Entries);
    if (size !== undefined) {
      image.put32(at + 36n, 16).put64(at + 48n, size);
    }
    at += size === undefined ? 40n : 56n;
  }
  return image.truncate(image.at(32));
}

async function layerOf(storage: Storage, index: number): Promise<Layer> {
  return snapshotLayer(await openImage(storage), index);
}

describe('the layer of a snapshot', () => {
  it('maps guest offsets by the snapshot’s own L1 table', async () => {
    const image = withSnapshots([
      { l1: 9n * cluster, entries: 1, size: 1n << 20n },
      { l1: 10n * cluster, entries: 1, size: 1n << 20n },
    ]);
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(20));
    image.put64(image.at(9), image.at(5)).entry(5, 0, image.at(21));
    image.put64(image.at(10), image.at(6)).entry(6, 0, image.at(22));
    const storage = image.toStorage();
    for (const [index, host] of [
      [0, 21n],
      [1, 22n],
    ] as const) {
      const layer = await layerOf(storage, index);
      assert.equal(layer.snapshot, index);
      assert.equal((await lookup({ storage }, layer, asGuestOffset(5n))).host, host * cluster + 5n);
    }
  });

  it('has the size that the disk had then', async () => {
    const image = withSnapshots([{ l1: 9n * cluster, entries: 1, size: 3n * cluster + 512n }]);
    const layer = await layerOf(image.toStorage(), 0);
    assert.deepEqual([layer.size, layer.clusters], [3n * cluster + 512n, 4]);
  });

  it('has the size of the disk as it is now where the entry has none', async () => {
    const image = withSnapshots([{ l1: 9n * cluster, entries: 1 }]);
    assert.equal((await layerOf(image.toStorage(), 0)).size, 1n << 20n);
  });

  it('reads as zeros where the L1 table lies past the end of the file', async () => {
    const image = withSnapshots([{ l1: 2n ** 40n, entries: 1, size: 1n << 20n }]);
    const storage = image.toStorage();
    const layer = await layerOf(storage, 0);
    const kinds: number[] = [];
    await walkExtents({ storage }, layer, { from: 0, to: 16 }, (kind) => kinds.push(kind) > 0, noProgress);
    assert.deepEqual(kinds, [extentKinds.unallocatedPlain]);
  });

  it('reaches nothing where the L1 table is not at a cluster', async () => {
    const image = withSnapshots([{ l1: 9n * cluster + 8n, entries: 1, size: 1n << 20n }]);
    const layer = await layerOf(image.toStorage(), 0);
    assert.deepEqual(beyondL1(layer), { offset: 0n, length: 1n << 20n });
  });

  it('reads of an L1 table beyond the limit no more than the disk needs', async () => {
    const image = withSnapshots([{ l1: 9n * cluster, entries: 0xffff_ffff, size: 1n << 30n }]);
    const storage = new CountingStorage(image.toStorage());
    const opened = await openImage(storage);
    storage.reset();
    const layer = await snapshotLayer(opened, 0);
    // Two tables map 1 GiB; one entry more does no harm.
    assert.equal(layer.l1.entries, 3);
    assert.ok(storage.ranges.some(({ at, length }) => at === 9n * cluster && length === 24));
  });

  it('is not found where the table ends before, and not without a geometry', async () => {
    const storage = withSnapshots([{ l1: 9n * cluster, entries: 1 }]).toStorage();
    await assert.rejects(layerOf(storage, 1), { code: 'not-found' });
    const broken = new ImageBuilder({ cluster_bits: 16 }).header({ cluster_bits: 63 });
    await assert.rejects(layerOf(broken.toStorage(), 0), { code: 'damaged' });
  });
});
