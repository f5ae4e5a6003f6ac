import assert from 'node:assert/strict';
import { previewOf } from '../../../src/engine/change/preview.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { applied, type Plan } from '../../crash/crashCase.ts';
import { judge } from '../../crash/judge.ts';
import { copied } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';
import {
  appliedAt,
  changed,
  cluster,
  deletedAt,
  refcountOf,
  small,
  taken,
  takenAs,
  usedClusters,
} from './snapshotImages.ts';

describe('taking, applying and deleting snapshots', function () {
  this.timeout(30_000);

  for (const version of [2, 3]) {
    it(`gives the disk and the snapshots the right bytes in version ${version}`, async () => {
      const start = small({ version }).toStorage();
      const old = await judge(start);
      const one = await changed(start, taken);
      const snapshot = (await judge(one)).snapshots.get('1 one');
      assert.ok(snapshot && old.guest.startsWith(snapshot), 'the snapshot holds what the disk held');
      const gone = await changed(one, deletedAt(0));
      assert.deepEqual(await judge(gone), old);
    });
  }

  it('overwrites nothing that is in use but the first sector of the header', async () => {
    const start = small().toStorage();
    for (const plans of [[taken], [taken, appliedAt(0)], [taken, deletedAt(0)]]) {
      const before = await changed(start, ...plans.slice(0, -1));
      const used = [...(await usedClusters(before))];
      const now = await changed(before, ...plans.slice(-1));
      for (const one of used) {
        const skipped = one === 0 ? 512 : 0;
        const place = BigInt(one * cluster + skipped);
        assert.deepEqual(now.slice(place, cluster - skipped), before.slice(place, cluster - skipped), `cluster ${one}`);
      }
    }
  });

  it('takes the same clusters again and again, so that the file does not grow for ever', async () => {
    let image = await changed(small().toStorage(), taken, deletedAt(0), taken, deletedAt(0));
    const { size } = image;
    for (let round = 0; round < 8; round++) {
      image = await changed(image, taken, appliedAt(0), deletedAt(0));
    }
    assert.ok(image.size <= size + BigInt(4 * cluster), `${size} grew to ${image.size}`);
  });

  it('says in its title which one, by its ID too, and cuts a long name', async () => {
    const one = await changed(small().toStorage(), takenAs('x'.repeat(200)), takenAs('two'));
    const titleOf = async (plan: Plan) => (await applied({ name: 'title', before: one, plan })).change.title;
    assert.equal(await titleOf(takenAs('three')), "Create snapshot 'three'");
    assert.equal(await titleOf(appliedAt(1)), "Apply snapshot 'two' (ID 2)");
    assert.equal(await titleOf(deletedAt(0)), `Delete snapshot '${'x'.repeat(39)}…' (ID 1)`);
  });

  it('says before how much is lost', async () => {
    const one = await changed(small().toStorage(), taken);
    const free = (await applied({ name: 'delete', before: one, plan: deletedAt(0) })).change.cautions;
    assert.match(free.join(), /nothing is lost/);
    const lost = withNewData(one);
    const deleted = (await applied({ name: 'delete', before: lost, plan: deletedAt(0) })).change.cautions;
    assert.match(deleted.join(), /alone holds 64 KiB of data/);
    const gone = (await applied({ name: 'apply', before: lost, plan: appliedAt(0) })).change.cautions;
    assert.match(gone.join(), /disk alone holds 64 KiB of data that no snapshot has/);
  });

  it('keeps leaked clusters as they are: they are neither taken nor freed', async () => {
    const image = small();
    image.put(image.at(7), new Uint8Array(cluster).fill(7)).refcount(7, 1);
    const now = await changed(image.toStorage(), taken, appliedAt(0), deletedAt(0));
    assert.deepEqual(now.slice(image.at(7), cluster), new Uint8Array(cluster).fill(7));
    assert.equal(await refcountOf(now, 7), 1);
  });

  it('keeps machine states, whose clusters come after the end of the disk', async () => {
    const image = small({ l1_size: 2 });
    image.l1(1, copied | image.at(7));
    image.entry(7, 3, copied | image.at(8)).put(image.at(8), new Uint8Array(cluster).fill(9));
    image.refcount(7, 1).refcount(8, 1);
    const one = await changed(image.toStorage(), taken);
    assert.equal(await refcountOf(one, 8), 2);
    const back = await changed(one, appliedAt(0), deletedAt(0));
    assert.equal(await refcountOf(back, 8), 1);
    const opened = await openImage(back);
    assert.equal(opened.l1.entries, 2);
    assert.deepEqual(back.slice(image.at(8), cluster), new Uint8Array(cluster).fill(9));
  });

  it('counts an L2 table that two L1 entries lead to twice', async () => {
    const image = small({ l1_size: 2 });
    image.l1(0, image.at(4)).l1(1, image.at(4));
    image.entry(4, 0, image.at(5)).entry(4, 2, image.at(6));
    image.refcount(4, 2).refcount(5, 2).refcount(6, 2);
    const one = await changed(image.toStorage(), taken);
    assert.deepEqual([await refcountOf(one, 4), await refcountOf(one, 5)], [4, 4]);
    const gone = await changed(one, deletedAt(0));
    assert.deepEqual([await refcountOf(gone, 4), await refcountOf(gone, 5)], [2, 2]);
  });

  it('brings back the size of the disk, and the L1 table never gets smaller', async () => {
    const one = await changed(small().toStorage(), taken);
    one.write(24n, Uint8Array.of(0, 0, 0, 0, 0, 8, 0, 0));
    const back = await openImage(await changed(one, appliedAt(0)));
    assert.equal(back.header?.size, 1n << 20n);
    assert.equal(back.header?.l1_size, 1);
  });

  it('lists and applies a snapshot in refcounts of 2 bits where QEMU needs a higher one for a moment', async () => {
    // Active layer and two snapshots share cluster 5: 3 references. QEMU counts 4 before it counts 3 again.
    const three = await changed(small({ refcount_order: 1 }).toStorage(), taken, taken);
    assert.equal(await refcountOf(three, 5), 3);
    assert.equal(await refcountOf(await changed(three, appliedAt(0)), 5), 3);
  });

  it('previews a change with the length that the file will have', async () => {
    const before = small().toStorage();
    const { change, after: now } = await applied({ name: 'create', before, plan: taken });
    assert.equal((await previewOf(change, before)).sizeAfter, now.size);
  });
});

/** The disk of an image with a snapshot, after the guest has written its first cluster anew: into cluster 40. */
function withNewData(image: MemoryStorage): MemoryStorage {
  const now = image.clone();
  const view = (at: bigint): DataView => new DataView(now.slice(at, 8).buffer);
  const l1 = view(40n).getBigUint64(0);
  const l2 = view(l1).getBigUint64(0) & 0x00ff_ffff_ffff_fe00n;
  const entry = new Uint8Array(8);
  new DataView(entry.buffer).setBigUint64(0, copied | BigInt(40 * cluster));
  now.write(l2, entry);
  now.write(BigInt(40 * cluster), new Uint8Array(cluster).fill(3));
  const block = view(view(48n).getBigUint64(0)).getBigUint64(0);
  now.write(block + 80n, Uint8Array.of(0, 1));
  // The snapshot alone has the old one.
  now.write(block + 10n, Uint8Array.of(0, 1));
  return now;
}
