import assert from 'node:assert/strict';
import { check } from '../../../src/engine/check/check.ts';
import type { Qcow2Error } from '../../../src/engine/error.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { readSnapshots } from '../../../src/engine/image/snapshotTable.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder, zero } from '../../support/builder.ts';
import { at, soundImage } from '../../support/corpus/sound.ts';
import { assertClean, cluster, guest, image, repaired, stateOf } from '../../support/repairs.ts';

describe('A repair', function () {
  this.timeout(60_000);

  it('raises refcounts that are too low, and puts COPIED right', async () => {
    const built = image();
    built.refcount(5, 0).entry(4, 1, built.at(6));
    const { storage, result, raised, lowered } = await repaired(built);
    assertClean(result);
    assert.deepEqual([raised, lowered], [1, 0]);
    assert.equal(await guest(storage, 0), 'first');
    assert.equal(await guest(storage, 1), 'second');
  });

  it('makes refcount blocks anew where there is none, and a larger refcount table', async () => {
    const built = image();
    built.put64(built.at(1), 0n);
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 0), 'first');
  });

  it('makes the refcount table anew where it lies past the end of the file', async () => {
    const built = image({ refcount_table_offset: 0x100_0000_0000n });
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 1), 'second');
  });

  it('gives each guest cluster its own copy of a host cluster that two share', async () => {
    const built = image();
    built
      .entry(4, 1, copied | built.at(5))
      .refcount(6, 0)
      .truncate(built.at(6));
    const { storage, result, mended } = await repaired(built);
    assertClean(result);
    assert.equal(mended.get('cluster-shared'), 1);
    assert.equal(await guest(storage, 0), 'first');
    assert.equal(await guest(storage, 1), 'first');
    const opened = await openImage(storage);
    const entries = new DataView(new ArrayBuffer(16));
    await opened.storage.read(4n * cluster, new Uint8Array(entries.buffer));
    assert.notEqual(entries.getBigUint64(0), entries.getBigUint64(8));
  });

  it('leads a guest cluster that lies on a table nowhere, and keeps what leaks', async () => {
    const built = image();
    built.entry(4, 1, copied | built.at(3));
    const { storage, result, keptLeaks } = await repaired(built);
    assert.deepEqual([result.corruptions, result.leaks], [0, 1]);
    assert.match(keptLeaks ?? '', /may be in the leaked clusters/);
    assert.equal(await guest(storage, 0), 'first');
    assert.equal(await guest(storage, 1), '');
    // The second time nothing is damaged that could own it.
    const again = await planRepair(await openImage(storage), storage, stateOf(storage), 'all', noProgress);
    assert.deepEqual([again.raised, again.lowered], [0, 1]);
  });

  it('leads a guest cluster that lies on a refcount block nowhere, however many leaks that counts', async () => {
    const built = image();
    built.entry(4, 2, copied | built.at(2));
    for (let leaked = 7; leaked < 200; leaked++) {
      built.refcount(leaked, 1);
    }
    const { storage, mended, change } = await repaired(built.truncate(built.at(200)));
    assert.equal(await guest(storage, 2), '');
    assert.equal(mended.get('clusters-overlap'), 1);
    assert.match(change?.cautions.join() ?? '', /^Up to 64 KiB of the guest’s disk/);
  });

  it('clears reserved bits of entries', async () => {
    const built = image();
    built.l1(0, copied | built.at(4) | 3n).entry(4, 0, copied | built.at(5) | (1n << 57n));
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 0), 'first');
  });

  it('keeps no leaks where there are none when it is done', async () => {
    const built = image();
    // As it is, the block is none, and its cluster leaks.
    built.put64(built.at(1), built.at(2) | 3n);
    const { result, keptLeaks, change } = await repaired(built);
    assertClean(result);
    assert.equal(keptLeaks, undefined);
    assert.deepEqual(change?.cautions, []);
  });

  it('keeps what an entry may have led to that leads past the end, where the refcounts are lost too, and says why', async () => {
    const built = image();
    built.entry(4, 1, copied | built.at(900)).put64(built.at(1), built.at(800));
    const { storage, result, keptLeaks } = await repaired(built);
    assert.equal(result.corruptions, 0);
    assert.match(keptLeaks ?? '', /the data that they should have led to may be in the leaked clusters/);
    assert.equal(new TextDecoder().decode(storage.slice(6n * cluster, 6)), 'second');
    const leaked = new Set<number>();
    const mismatch = (number: number): unknown => leaked.add(number);
    await check(await openImage(storage), { say: () => undefined, mismatch }, noProgress);
    assert.ok(leaked.has(6));
  });

  it('leads an entry that is not of a cluster to the cluster that it lies in, if nothing else does', async () => {
    const built = image();
    built.entry(4, 0, copied | (built.at(5) + 512n));
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 0), 'first');
  });

  it('gives nobody a copy of the cluster into which an entry that is not of a cluster reaches', async () => {
    const shape = { version: 3, clusterBits: 16, refcountOrder: 4 } as const;
    const built = soundImage(shape);
    // It reaches into the next guest cluster's, which a snapshot has too.
    built.entry(at.l2, 0, copied | (built.at(at.data[0]) + 512n));
    const { storage, result, mended } = await repaired(built);
    assertClean(result);
    assert.deepEqual([...mended], [['l2-entry-unaligned', 1]]);
    assert.equal(storage.size, soundImage(shape).toStorage().size);
  });

  it('keeps what the entries of an L2 table lead to where most of the others were written over', async () => {
    const built = image();
    built.put(
      built.at(4) + 512n,
      Array.from({ length: 512 }, () => 0xff),
    );
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 0), 'first');
    assert.equal(await guest(storage, 1), 'second');
  });

  for (const [where, entries] of [
    ['over an L2 table and data', 3 * 8192],
    ['past the end of the file', 2 ** 20],
    ['further than QEMU reads', 2 ** 23],
  ] as const) {
    it(`has the L1 table end with its disk where it is said to reach ${where}`, async () => {
      const { storage, result } = await repaired(image({ l1_size: entries }));
      assertClean(result);
      assert.equal((await openImage(storage)).header?.l1_size, 1);
      assert.equal(await guest(storage, 0), 'first');
      assert.equal(await guest(storage, 1), 'second');
    });
  }

  for (const [where, clusters] of [
    ['an L1 table', 3],
    ['an L1 and an L2 table', 4],
    ['all that is in the file', 6],
    ['the end of the file', 100],
  ] as const) {
    it(`makes the refcount table anew where it is said to reach over ${where}`, async () => {
      const { storage, result } = await repaired(image({ refcount_table_clusters: clusters }));
      assert.deepEqual([result.corruptions, result.checkErrors], [0, 0]);
      assert.equal(await guest(storage, 0), 'first');
      assert.equal(await guest(storage, 1), 'second');
    });
  }

  it('has the L1 table of a snapshot end with its disk where it is said to reach over other tables', async () => {
    const built = soundImage({ version: 3, clusterBits: 16, refcountOrder: 4 });
    const size = built.at(at.snapshotTable) + 8n;
    const { storage, result } = await repaired(built.put32(size, 3 * 8192));
    assertClean(result);
    const { header } = await openImage(storage);
    assert(header);
    assert.equal((await readSnapshots(storage, header))[0]?.fields.l1_size, 1);
    assert.equal(await guest(storage, 0, 8), 'active 0');
  });

  it('changes nothing where an L1 table may be as long as it is said to be, over other structures', async () => {
    const built = image({ l1_size: 3 * 8192 });
    built.l1(5, copied | built.at(6));
    await assert.rejects(repaired(built), (error: Qcow2Error) => {
      return error.code === 'refused' && /The active L1 table is said to have 24.576 entries/.test(error.message);
    });
  });

  it('has the guest read zeros where an entry leads past the end of the file', async () => {
    const built = image();
    built.entry(4, 2, copied | built.at(900)).entry(4, 3, copied | built.at(901));
    const { storage, result, mended } = await repaired(built);
    assertClean(result);
    assert.equal(mended.get('data-past-end'), 2);
    assert.equal(await guest(storage, 0), 'first');
  });

  it('gives a version 2 image with a backing file clusters of zeros where an entry leads past the end', async () => {
    const built = new ImageBuilder({ version: 2 });
    built.backing('base.raw', 'raw');
    built.l1(0, copied | built.at(4)).refcount(4, 1);
    built.entry(4, 0, copied | built.at(900)).truncate(built.at(5));
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 0), '');
  });

  it('clears ZERO in version 2, so that the guest reads its data', async () => {
    const built = image({ version: 2 });
    built.entry(4, 0, copied | built.at(5) | zero);
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.equal(await guest(storage, 0), 'first');
  });

  it('repairs only what it is asked for', async () => {
    const built = image();
    built.refcount(5, 0).entry(4, 2, copied | built.at(900));
    const { result, storage } = await repaired(built, { codes: ['refcount-too-low'] });
    // The entry that leads past the end, and its COPIED.
    assert.equal(result.corruptions, 2);
    assert.equal(await guest(storage, 0), 'first');
  });

  it('clears the dirty and the corrupt bit only where nothing is wrong any more', async () => {
    const built = image({ incompatible_features: 3 });
    built.refcount(5, 0);
    const { storage } = await repaired(built);
    assert.equal((await openImage(storage)).header?.incompatible_features, 0n);
    const other = image({ incompatible_features: 3 });
    other.refcount(5, 0).entry(4, 2, copied | other.at(900));
    const partly = await repaired(other, { codes: ['refcount-too-low'] });
    assert.equal((await openImage(partly.storage)).header?.incompatible_features, 3n);
  });
});
