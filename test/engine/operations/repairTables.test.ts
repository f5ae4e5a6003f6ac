import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { shapes } from '../../support/corpus/corpus.ts';
import { repaired, textAt } from '../../support/corpus/repaired.ts';
import { active, at, soundImage } from '../../support/corpus/sound.ts';
import { stateOf, image as twoClusters } from '../../support/repairs.ts';

describe('A repair', () => {
  it('keeps the L1 table of an image whose data is in another file, where a refcount block looks like one', async () => {
    const built = new ImageBuilder({ incompatible_features: 4, size: 2 ** 24 });
    built.l1(0, copied | built.at(4)).refcount(4, 1);
    for (let index = 100; index < 120; index++) {
      built.entry(4, index, copied | built.at(index));
    }
    const storage = built.truncate(built.at(5)).toStorage();
    const l1 = (await openImage(storage)).header?.l1_table_offset;
    assert(l1 !== undefined);
    const block = new DataView(new ArrayBuffer(65536));
    block.setBigUint64(0, built.at(2));
    storage.write(built.at(2), new Uint8Array(block.buffer));
    const after = await repaired(storage);
    assert.equal((await openImage(after)).header?.l1_table_offset, l1);
    assert.equal(new DataView(after.slice(l1, 8).buffer).getBigUint64(0), copied | built.at(4));
  });

  it('has an L1 entry lead to its table again, where one wrong bit had left COPIED alone', async () => {
    const after = await repaired(twoClusters().l1(0, copied).toStorage());
    assert.equal((await openImage(after)).l1.view.getBigUint64(0), copied | (4n * 65536n));
  });

  it('gives up nothing where an L1 entry is COPIED alone, and no table is lost', async () => {
    const built = twoClusters({ size: 2 ** 30, l1_size: 2 });
    const storage = built.l1(1, copied).refcount(9, 1).truncate(built.at(10)).toStorage();
    const plan = await planRepair(await openImage(storage), storage, stateOf(storage), 'all', noProgress);
    assert.deepEqual(plan.change?.cautions, []);
    assert.equal(plan.keptLeaks, undefined);
  });

  it('sets no COPIED in data to which an L1 entry leads alone', async () => {
    const built = twoClusters({ size: 2 ** 30, l1_size: 2 });
    built.l1(1, copied | built.at(7));
    for (let index = 0; index < 8192; index++) {
      built.entry(7, index, index === 100 ? built.at(5) : 0x6e61_6d65_6e61_6d65n);
    }
    const storage = built.refcount(7, 1).truncate(built.at(8)).toStorage();
    const { change } = await planRepair(
      await openImage(storage),
      storage,
      stateOf(storage),
      { codes: ['copied-wrong'] },
      noProgress,
    );
    assert.equal(change, undefined);
  });

  it('keeps the L1 table whose L2 table was written over in part, and takes no snapshot’s that nothing leads to', async () => {
    const built = soundImage({ version: 3, clusterBits: 16, refcountOrder: 4 });
    for (let index = 4; index < 44; index++) {
      built.entry(at.l2, index, 0x6e61_6d65_6e61_6d65n);
    }
    const after = await repaired(built.put(built.at(at.snapshotTable), '\0'.repeat(512)).toStorage());
    const image = await openImage(after);
    assert(image.layer);
    assert.equal(image.header?.l1_table_offset, built.at(at.l1));
    assert.equal(await textAt(image, image.layer, 0), 'active 0');
  });

  it('keeps the entries of an L2 table that are surely right, where all before them was written over', async () => {
    const shape = { version: 3, clusterBits: 9, refcountOrder: 4 } as const;
    const built = soundImage(shape);
    const table = built.at(at.l2);
    for (let index = 0; index < 40; index++) {
      built.put64(table + BigInt(index * 8), 0x6e61_6d65_6e61_6d65n);
    }
    const [data] = at.data;
    const after = await repaired(built.entry(at.l2, 41, copied | built.at(data)).toStorage());
    const image = await openImage(after);
    assert(image.layer);
    assert.equal(await textAt(image, image.layer, 41), 'active 0');
  });

  it('changes nothing where a snapshot’s L1 table is said to be an L2 table that starts with unused entries', async () => {
    const built = soundImage({ version: 3, clusterBits: 12, refcountOrder: 4 });
    const table = built.at(at.l2);
    const entry = built.get64(table);
    built
      .put64(table, 0n)
      .put64(table + 400n, entry)
      .put64(built.at(at.snapshotTable), table);
    // The table that the snapshot has can't be found.
    const storage = built.put64(built.at(at.snapshotL1), 0n).toStorage();
    const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
    await assert.rejects(planRepair(await openImage(storage), storage, from, 'all', noProgress), {
      code: 'refused',
      message: /The L1 table of snapshot\[0\] is said to be at .*, where something else is/,
    });
  });

  it('changes nothing where a table is said to be the L2 table of a snapshot, or the snapshot table', async () => {
    const shape = { version: 3, clusterBits: 12, refcountOrder: 4 } as const;
    // The first entries of the snapshot's L2 table are not used: as an L1 table it would lead nowhere.
    const made = (): ImageBuilder => {
      const built = soundImage(shape);
      const table = built.at(at.snapshotL2);
      const entry = built.get64(table);
      return built.put(table, new Array<number>(24).fill(0)).put64(table + 400n, entry);
    };
    const second = (built: ImageBuilder, l1: bigint): ImageBuilder => {
      const entry = built.at(at.snapshotTable);
      for (let word = 0n; word < 64n; word += 8n) {
        built.put64(entry + 64n + word, built.get64(entry + word));
      }
      return built.put64(entry + 64n, l1).header({ nb_snapshots: 2 });
    };
    const harms: readonly ((built: ImageBuilder) => ImageBuilder)[] = [
      (built) => built.put64(built.at(at.l1), 0n).header({ l1_table_offset: built.at(at.snapshotL2) }),
      (built) => second(built, built.at(at.snapshotL2)),
      (built) => second(built, built.at(at.snapshotTable)),
    ];
    for (const [index, harm] of harms.entries()) {
      const storage = harm(made()).toStorage();
      const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
      const plan = planRepair(await openImage(storage), storage, from, 'all', noProgress);
      await assert.rejects(plan, { code: 'refused' }, String(index));
    }
  });

  it('changes nothing where a refcount block and a snapshot’s L1 table are said to be the same data', async () => {
    for (const shape of shapes) {
      for (const data of at.data) {
        const built = soundImage(shape);
        built.put64(built.at(at.refcountTable), built.at(data)).put64(built.at(at.snapshotTable), built.at(data));
        const storage = built.put64(built.at(at.snapshotL1), 0n).toStorage();
        const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
        const plan = planRepair(await openImage(storage), storage, from, 'all', noProgress);
        await assert.rejects(plan, { code: 'refused' }, `cluster ${data} of ${JSON.stringify(shape)}`);
      }
    }
  });

  it('loses no data to which a refcount block of one bit, or the table, is said to be, and which an entry names wrongly', async () => {
    const built = (): ImageBuilder => soundImage({ version: 3, clusterBits: 12, refcountOrder: 0 });
    for (const [index, data] of at.data.entries()) {
      for (const wrong of [copied | 512n, copied | (1n << 58n), copied | 0x1fcn, 0n]) {
        for (const harm of [
          (image: ImageBuilder) => image.put64(image.at(at.refcountTable), image.at(data)),
          (image: ImageBuilder) => image.header({ refcount_table_offset: image.at(data) }),
        ]) {
          const image = built();
          harm(image.entry(at.l2, index, wrong | image.at(data)));
          const after = await repaired(image.toStorage());
          const text = new TextDecoder().decode(after.slice(image.at(data), 8));
          assert.equal(text, active[index], `cluster ${data}, entry ${wrong}`);
        }
      }
    }
  });
});
