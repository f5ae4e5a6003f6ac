import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { changeOf } from '../../src/protocol/listApi.ts';
import { bitmapMethods } from '../../src/worker/bitmapMethods.ts';
import type { CallContext } from '../../src/worker/server.ts';
import { snapshotMethods } from '../../src/worker/snapshotMethods.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { CountingStorage } from '../support/memoryStorage.ts';

const context: CallContext = { signal: new AbortController().signal, report: () => undefined, progress: noProgress };
const cluster = 65536n;

/** An image with snapshots whose entries have `extra` bytes of extra data; the L1 table of all of them is in cluster 5. */
function withSnapshots(count: number, extra: number): ImageBuilder {
  const image = new ImageBuilder({ nb_snapshots: count, snapshots_offset: 16 * 65536 });
  const stride = BigInt(Math.ceil((40 + extra + 8) / 8) * 8);
  for (let index = 0; index < count; index += 1) {
    const at = image.at(16) + BigInt(index) * stride;
    image
      .put64(at, image.at(5))
      .put32(at + 8n, 1)
      .put16(at + 14n, 8)
      .put32(at + 36n, extra)
      .put64(at + 48n, 1n << 20n)
      .put(at + 40n + BigInt(extra), `name${String(index).padStart(4, '0')}`);
  }
  return image.truncate(image.at(16) + BigInt(count) * stride + cluster);
}

describe('pages of snapshots', () => {
  it('start at any entry and end with the table', async () => {
    const methods = snapshotMethods(await openImage(withSnapshots(700, 24).toStorage()));
    const page = await methods.snapshots({ from: 650, count: 256 }, context);
    assert.deepEqual([page.length, page[0]?.name, page.at(-1)?.name], [50, 'name0650', 'name0699']);
    assert.deepEqual(await methods.snapshots({ from: 700, count: 1 }, context), []);
  });

  it('are bounded in bytes, and have at least one entry', async () => {
    const methods = snapshotMethods(await openImage(withSnapshots(40, 65_536).toStorage()));
    assert.equal((await methods.snapshots({ from: 0, count: 40 }, context)).length, 16);
    const one = snapshotMethods(await openImage(withSnapshots(2, 1_048_576).toStorage()));
    assert.equal((await one.snapshots({ from: 0, count: 2 }, context)).length, 1);
  });

  it('read no further than their last entry', async () => {
    const storage = new CountingStorage(withSnapshots(20_000, 24).toStorage());
    const methods = snapshotMethods(await openImage(storage));
    storage.reset();
    await methods.snapshots({ from: 0, count: 10 }, context);
    assert.ok(storage.bytes <= 2 ** 18, `${storage.bytes} bytes read`);
  });

  it('are refused where there can be none', async () => {
    const methods = snapshotMethods(await openImage(withSnapshots(1, 24).toStorage()));
    for (const request of [
      { from: -1, count: 1 },
      { from: 0, count: 0 },
      { from: 0.5, count: 1 },
      { from: 0, count: 10_001 },
    ]) {
      await assert.rejects(methods.snapshots(request, context), { code: 'bad-argument' });
    }
  });
});

describe('a snapshot', () => {
  it('has its fields and its extra data, known and unknown', async () => {
    const methods = snapshotMethods(await openImage(withSnapshots(3, 20).toStorage()));
    const found = await methods.snapshot({ index: 2 }, context);
    assert.deepEqual(
      [
        found.name,
        found.length,
        found.fields.length,
        found.extraFields.map(({ name }) => name),
        found.unknownExtra.length,
      ],
      ['name0002', 68, 9, ['vm_state_size_large', 'disk_size'], 4],
    );
    await assert.rejects(methods.snapshot({ index: 3 }, context), { code: 'not-found' });
  });

  it('has its clusters counted once, with the bytes that deleting it frees', async () => {
    const image = withSnapshots(1, 24);
    image.put64(image.at(5), image.at(6)).entry(6, 0, image.at(7));
    for (const table of [5, 6, 7, 16]) {
      image.refcount(table, 1);
    }
    const storage = new CountingStorage(image.truncate(image.at(18)).toStorage());
    const methods = snapshotMethods(await openImage(storage));
    const use = await methods.snapshotUse({ index: 0 }, context);
    assert.deepEqual([use.exclusive, use.freedBytes], [{ tables: 2, data: 1 }, 4n * cluster]);
    storage.reset();
    assert.deepEqual(await methods.snapshotUse({ index: 0 }, context), use);
    assert.equal(storage.calls, 0);
  });

  it('has the ranges in which it differs as pages, and their sum', async () => {
    const image = withSnapshots(1, 24);
    image.put64(image.at(5), image.at(6)).l1(0, copied | image.at(8));
    image
      .entry(6, 1, image.at(7))
      .entry(8, 3, copied | image.at(9))
      .entry(8, 4, copied | image.at(10));
    const methods = snapshotMethods(await openImage(image.truncate(image.at(18)).toStorage()));
    const first = await methods.differingRanges({ index: 0, from: 0n, count: 1 }, context);
    assert.deepEqual(first, {
      rows: [{ start: cluster, length: cluster, snapshot: 'data', active: 'unallocated' }],
      next: 3n * cluster,
    });
    assert.deepEqual(await methods.differingRanges({ index: 0, from: 3n * cluster, count: 5 }, context), {
      rows: [{ start: 3n * cluster, length: 2n * cluster, snapshot: 'unallocated', active: 'data' }],
    });
    assert.deepEqual(await methods.snapshotDifference({ index: 0 }, context), {
      ranges: 2,
      bytes: 3n * cluster,
      changes: { written: 2n * cluster, overwritten: 0n, removed: cluster, resized: 0n, unknown: 0n },
    });
  });
});

describe('what became of a range', () => {
  it('follows from what it was and is', () => {
    assert.deepEqual(
      (
        [
          ['unallocated', 'data'],
          ['zero-plain', 'compressed'],
          ['compressed', 'data'],
          ['data', 'zero-allocated'],
          ['unallocated', 'zero-plain'],
          ['wrong', 'data'],
          [undefined, 'data'],
          ['data', undefined],
        ] as const
      ).map(([snapshot, active]) => changeOf({ ...(snapshot && { snapshot }), ...(active && { active }) })),
      ['written', 'written', 'overwritten', 'removed', 'removed', 'unknown', 'resized', 'resized'],
    );
  });
});

describe('a bitmap', () => {
  /** A bitmap of a disk of 1 MiB: directory in cluster 5, table in 6, data in 7. */
  function oneBitmap(): ImageBuilder {
    const image = new ImageBuilder({ autoclear_features: 1 });
    image.extension(0x23852875, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 5, 0, 0]);
    const at = image.at(5);
    image
      .put64(at, image.at(6))
      .put32(at + 8n, 1)
      .put8(at + 16n, 1)
      .put8(at + 17n, 16)
      .put16(at + 18n, 4)
      .put(at + 24n, 'name');
    return image.put64(image.at(6), image.at(7)).put(image.at(7), [0b0011, 0b1000_0000]).truncate(image.at(8));
  }

  it('has its dirty ranges as pages, and their sum', async () => {
    const methods = bitmapMethods(await openImage(oneBitmap().toStorage()));
    assert.deepEqual(await methods.bitmapUse({ index: 0 }, context), { ranges: 2, dirty: 3n * cluster, unknown: 0n });
    assert.deepEqual(await methods.dirtyRanges({ index: 0, from: 0n, count: 1 }, context), {
      rows: [{ start: 0n, length: 2n * cluster, state: 'dirty' }],
      next: 15n * cluster,
    });
    assert.deepEqual(await methods.dirtyRanges({ index: 0, from: 15n * cluster, count: 1 }, context), {
      rows: [{ start: 15n * cluster, length: cluster, state: 'dirty' }],
    });
    const [row] = await methods.bitmaps({ from: 0, count: 10 }, context);
    assert.deepEqual([row?.name, row?.type, row?.granularity], ['name', 1, 65536n]);
    assert.equal((await methods.bitmap({ index: 0 }, context)).length, 32);
    await assert.rejects(methods.bitmap({ index: 1 }, context), { code: 'not-found' });
  });

  it('says why nothing can be read of it', async () => {
    const image = oneBitmap();
    const methods = bitmapMethods(await openImage(image.put8(image.at(5) + 16n, 2).toStorage()));
    assert.match((await methods.bitmapUse({ index: 0 }, context)).unreadable ?? '', /type is 2/);
    assert.deepEqual(await methods.dirtyRanges({ index: 0, from: 0n, count: 10 }, context), { rows: [] });
  });
});
