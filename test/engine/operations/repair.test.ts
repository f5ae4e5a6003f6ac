import assert from 'node:assert/strict';
import { type CheckResult, check } from '../../../src/engine/check/check.ts';
import type { Qcow2Error } from '../../../src/engine/error.ts';
import { snapshotName } from '../../../src/engine/format/snapshots.ts';
import { GuestData } from '../../../src/engine/image/guestData.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { readSnapshots } from '../../../src/engine/image/snapshotTable.ts';
import { offerTables } from '../../../src/engine/operations/repair/offers.ts';
import { planRepair, type Repair } from '../../../src/engine/operations/repair/repair.ts';
import type { RepairSelection } from '../../../src/engine/operations/repair/selection.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { applied } from '../../crash/crashCase.ts';
import { withSnapshot } from '../../support/brokenImages.ts';
import { copied, type HeaderValues, ImageBuilder, zero } from '../../support/builder.ts';
import { at, soundImage } from '../../support/corpus/sound.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

const cluster = 65536n;

/** An image of 1 MiB: L2 table in cluster 4, data in clusters 5 and 6 for the first two guest clusters. */
function image(values: Partial<HeaderValues> = {}): ImageBuilder {
  const built = new ImageBuilder(values);
  built.l1(0, copied | built.at(4));
  for (const number of [4, 5, 6]) {
    built.refcount(number, 1);
  }
  return built
    .entry(4, 0, copied | built.at(5))
    .entry(4, 1, copied | built.at(6))
    .put(built.at(5), 'first')
    .put(built.at(6), 'second')
    .truncate(built.at(7));
}

/** An image with the bitmaps `one` and `two`: their directory in cluster 7, their tables in 8 and 9. */
function withBitmaps(): ImageBuilder {
  const built = image({ autoclear_features: 1 });
  const extension = new DataView(new ArrayBuffer(24));
  extension.setUint32(0, 2);
  extension.setBigUint64(8, 64n);
  extension.setBigUint64(16, 7n * cluster);
  built.extension(0x23852875, new Uint8Array(extension.buffer));
  for (const [index, name] of ['one', 'two'].entries()) {
    const at = built.at(7) + BigInt(index * 32);
    built
      .put64(at, built.at(8 + index))
      .put32(at + 8n, 1)
      .put8(at + 16n, 1)
      .put8(at + 17n, 16);
    built.put16(at + 18n, name.length).put(at + 24n, name);
  }
  for (const number of [7, 8, 9]) {
    built.refcount(number, 1);
  }
  return built.truncate(built.at(10));
}

interface Repaired extends Repair {
  readonly storage: MemoryStorage;
  readonly result: CheckResult;
}

/** Plans a repair, applies it, and checks what it has made. */
async function repaired(built: ImageBuilder, selection: RepairSelection = 'all'): Promise<Repaired> {
  let repair: Repair | undefined;
  const { after } = await applied({
    name: 'repair',
    before: built.toStorage(),
    plan: async (opened, storage, from) => {
      repair = await planRepair(opened, storage, from, selection, noProgress);
      return repair.change ?? assert.fail('nothing is repaired');
    },
  });
  assert(repair);
  return { ...repair, storage: after, result: await checked(after) };
}

async function checked(storage: Storage): Promise<CheckResult> {
  return check(await openImage(storage), { say: () => undefined, mismatch: () => undefined }, noProgress);
}

/** The first bytes of a guest cluster as text. */
async function guest(storage: Storage, index: number, length = 6): Promise<string> {
  const opened = await openImage(storage);
  assert(opened.layer);
  const bytes = new Uint8Array(length);
  await new GuestData(opened, opened.layer, { codecs }).read(BigInt(index) * cluster, bytes);
  return new TextDecoder().decode(bytes).replaceAll('\0', '');
}

function assertClean({ corruptions, leaks, checkErrors }: CheckResult): void {
  assert.deepEqual([corruptions, leaks, checkErrors], [0, 0, 0]);
}

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
    const again = await planRepair(await openImage(storage), storage, await state(storage), 'all', noProgress);
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

  it('opens an image whose bitmap directory is broken again, and names the bitmap that is lost', async () => {
    const built = withBitmaps();
    // The second one's granularity is 2^99 bytes.
    built.put8(built.at(7) + 32n + 17n, 99);
    const { storage, result, change } = await repaired(built);
    assertClean(result);
    const opened = await openImage(storage);
    assert.equal(opened.bitmaps.count, 1);
    assert.deepEqual(
      opened.findings.filter(({ code }) => code.startsWith('bitmap')),
      [],
    );
    assert.match(change?.cautions.join() ?? '', /bitmap “two”.*removed/);
  });

  it('has what leads to no data of a bitmap count as dirty', async () => {
    const built = withBitmaps();
    built.put64(built.at(8), built.at(700));
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.deepEqual(storage.slice(8n * cluster, 8), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
  });

  it('gives a bitmap up whose table lies on the guest’s data, or on the header, and writes nothing there', async () => {
    for (const place of [5, 0]) {
      const built = withBitmaps();
      built.put64(built.at(7), built.at(place));
      const { storage, result, change } = await repaired(built);
      assert.equal(result.corruptions, 0);
      assert.deepEqual([await guest(storage, 0), await guest(storage, 1)], ['first', 'second']);
      assert.equal((await openImage(storage)).bitmaps.count, 1);
      assert.match(change?.cautions.join() ?? '', /bitmap “one”.*removed/);
      assert.doesNotMatch(change?.cautions.join() ?? '', /of the guest’s disk/);
    }
  });

  it('has a bitmap count as dirty where it leads to the guest’s tables or data, which the guest keeps', async () => {
    for (const place of [4, 5]) {
      const built = withBitmaps();
      built.put64(built.at(8), built.at(place));
      const { storage, result, mended, change } = await repaired(built);
      assertClean(result);
      assert.deepEqual([await guest(storage, 0), await guest(storage, 1)], ['first', 'second']);
      assert.deepEqual(storage.slice(8n * cluster, 8), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
      assert.equal(mended.get('clusters-overlap'), 1);
      assert.match(change?.cautions.join() ?? '', /bitmap “one” led to clusters that something else has too/);
    }
  });

  it('leaves a bitmap what is its own by its content, where an entry of the guest’s tables leads to it', async () => {
    const built = withBitmaps();
    built.put64(built.at(8), built.at(10)).refcount(10, 1).put(built.at(10), 'bits').truncate(built.at(11));
    // The L2 table is said to be in the bitmap's data, and a guest cluster in its table.
    built.l1(0, copied | built.at(10)).entry(4, 2, copied | built.at(8));
    const { storage, result, change } = await repaired(built);
    assertClean(result);
    assert.deepEqual([await guest(storage, 0), await guest(storage, 2)], ['first', '']);
    assert.deepEqual(storage.slice(8n * cluster, 8), Uint8Array.of(0, 0, 0, 0, 0, 10, 0, 0));
    assert.equal(new TextDecoder().decode(storage.slice(10n * cluster, 4)), 'bits');
    assert.match(change?.cautions.join() ?? '', /of the guest’s disk/);
  });

  it('reads no bitmap table of gigabytes in a sparse file', async () => {
    const built = withBitmaps();
    built.put32(built.at(7) + 8n, 0xffff_ffff).truncate(1n << 36n);
    const { result, change } = await repaired(built);
    assert.equal(result.corruptions, 0);
    assert.match(change?.cautions.join() ?? '', /bitmap “one”.*removed/);
  });

  it('finds the length of a snapshot’s extra data, and keeps its name', async () => {
    const built = withSnapshot();
    const at = built.at(6) + 36n;
    built.put32(at, 5000);
    const { storage, result } = await repaired(built);
    assertClean(result);
    const opened = await openImage(storage);
    const [snapshot] = opened.header ? await readSnapshots(storage, opened.header) : [];
    assert.equal(snapshot && snapshotName(snapshot), 'snap');
  });

  it('finds the L1 table and the snapshot table that the header does not lead to', async () => {
    const built = withSnapshot();
    built.header({ l1_table_offset: built.at(5000), snapshots_offset: built.at(6000) });
    const { storage, result } = await repaired(built);
    assertClean(result);
    const { header } = await openImage(storage);
    assert.deepEqual([header?.l1_table_offset, header?.snapshots_offset], [built.at(3), built.at(6)]);
    assert.equal(await guest(storage, 0, 17), 'data of the guest');
  });

  it('offers tables that nothing leads to with what speaks for each place, and puts them there', async () => {
    // Three L2 tables, one after the other with their data; the second and the third are lost.
    const built = new ImageBuilder({ cluster_bits: 9, size: 4 * 64 * 512 });
    for (const [index, table] of [4, 7, 10].entries()) {
      built.entry(table, 0, copied | built.at(table + 1)).entry(table, 63, copied | built.at(table + 2));
      built.put(built.at(table + 1), `table ${index}`);
      for (const number of [table, table + 1, table + 2]) built.refcount(number, 1);
    }
    built.l1(0, copied | built.at(4)).truncate(built.at(13));
    const storage = built.toStorage();
    const offers = await offerTables(await openImage(storage), storage, noProgress);
    assert.deepEqual(
      offers.map(({ table, places }) => [table, places.map(({ l1Index }) => l1Index)]),
      [
        [built.at(7), [1]],
        [built.at(10), []],
      ],
    );
    assert.match(offers[0]?.places[0]?.why ?? '', /goes on where that of L1\[0\] ends/);
    const placed = await repaired(built, { tables: [{ table: built.at(7), l1Index: 1 }] });
    assert.equal(placed.result.corruptions, 0);
    const next = await offerTables(await openImage(placed.storage), placed.storage, noProgress);
    assert.deepEqual(
      next.map(({ places }) => places[0]?.l1Index),
      [2],
    );
    const taken = { tables: [{ table: built.at(10), l1Index: 0 }] };
    await assert.rejects(repaired(built, taken), /not an empty entry/);
  });

  for (const [where, number] of [
    ['the refcount table', 1],
    ['a refcount block', 2],
    ['an L2 table', 4],
    ['the guest’s data', 5],
  ] as const) {
    it(`finds the L1 table where the header leads to ${where} in its stead, and puts nothing right there`, async () => {
      const built = image();
      const text = new TextEncoder().encode('All work and no play makes Jack a dull boy. '.repeat(1400));
      built.put(built.at(5), text).header({ l1_table_offset: built.at(number) });
      const { storage, result } = await repaired(built);
      assertClean(result);
      assert.equal((await openImage(storage)).header?.l1_table_offset, built.at(3));
      assert.equal(await guest(storage, 0), 'All wo');
      assert.equal(await guest(storage, 1), 'second');
    });
  }

  for (const [where, number] of [
    ['an L2 table of the active layer', at.l2],
    ['a refcount block', at.refcountBlock],
    ['data', at.data[0]],
  ] as const) {
    it(`changes nothing where a snapshot leads to ${where} instead of its L1 table, and that is not found`, async () => {
      const built = soundImage({ version: 3, clusterBits: 16, refcountOrder: 4 });
      built.put64(built.at(at.snapshotTable), built.at(number)).put64(built.at(at.snapshotL1), 0n);
      await assert.rejects(repaired(built), (error: Qcow2Error) => {
        return error.code === 'refused' && /L1 table of snapshot\[0\] is said to be at/.test(error.message);
      });
    });
  }

  it('changes nothing where the header leads to another structure instead of an L1 table that is not found', async () => {
    const built = image();
    built.put64(built.at(3), 0n).header({ l1_table_offset: built.at(2) });
    await assert.rejects(repaired(built), (error: Qcow2Error) => {
      return error.code === 'refused' && /where another structure is/.test(error.message);
    });
  });

  it('changes nothing where the header leads to the guest’s data instead of an L1 table that is not found', async () => {
    const built = image();
    const text = new TextEncoder().encode('All work and no play makes Jack a dull boy. '.repeat(1400));
    built
      .put(built.at(5), text)
      .put64(built.at(3), 0n)
      .header({ l1_table_offset: built.at(5) });
    const storage = built.toStorage();
    const { change } = await planRepair(await openImage(storage), storage, await state(storage), 'all', noProgress);
    assert.equal(change, undefined);
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

async function state(storage: MemoryStorage): Promise<Parameters<typeof planRepair>[2]> {
  return { identity: '', size: storage.size, modified: 0n, changed: 0n };
}
