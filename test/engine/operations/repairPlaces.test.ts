import assert from 'node:assert/strict';
import type { Qcow2Error } from '../../../src/engine/error.ts';
import { snapshotName } from '../../../src/engine/format/snapshots.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { readSnapshots } from '../../../src/engine/image/snapshotTable.ts';
import { offerTables } from '../../../src/engine/operations/repair/offers.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { withSnapshot } from '../../support/brokenImages.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { at, soundImage } from '../../support/corpus/sound.ts';
import { assertClean, guest, image, repaired, stateOf } from '../../support/repairs.ts';

describe('A repair of what leads to tables', function () {
  this.timeout(60_000);

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
    const { change } = await planRepair(await openImage(storage), storage, stateOf(storage), 'all', noProgress);
    assert.equal(change, undefined);
  });
});
