import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import type { RepairSelection } from '../../../src/engine/operations/repair/selection.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { applied } from '../../crash/crashCase.ts';
import { copied, type HeaderValues, ImageBuilder } from '../../support/builder.ts';
import { soundImage } from '../../support/corpus/sound.ts';

/** Bit 2: external data file. Bit 4: extended L2 entries. */
const [dataFile, extended] = [4, 16];

/** An image of which the header has a wrong value; `right`: what its tables are made for. */
function image(right: number, wrong: Partial<HeaderValues>): ImageBuilder {
  const built = new ImageBuilder({ incompatible_features: right, size: 2 ** 30 });
  built.l1(0, copied | built.at(4)).refcount(4, 1);
  for (let index = 5; index < 15; index++) {
    const [guest, host] = right === dataFile ? [index + 200, index + 200] : [index + 3, index];
    built.entry(4, guest, copied | built.at(host), right === extended ? 0xffff_ffffn : undefined);
    if (right !== dataFile) built.refcount(index, 1);
  }
  return built.truncate(built.at(15)).header(wrong);
}

const plan = async (built: ImageBuilder, selection: RepairSelection = 'all') => {
  const storage = built.toStorage();
  const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
  return planRepair(await openImage(storage), storage, from, selection, noProgress);
};

describe('A repair of an image whose header is wrong', () => {
  const cases: readonly (readonly [name: string, right: number, wrong: Partial<HeaderValues>, says: RegExp])[] = [
    [
      'says wrongly that the data is elsewhere',
      0,
      { incompatible_features: dataFile },
      /that it has external data file/,
    ],
    ['does not say that the data is elsewhere', dataFile, { incompatible_features: 0 }, /has no external data file/],
    ['says wrongly that entries are extended', 0, { incompatible_features: extended }, /that it has extended L2/],
    ['does not say that entries are extended', extended, { incompatible_features: 0 }, /has no extended L2/],
    ['has another size of clusters', 0, { cluster_bits: 18 }, /says that a cluster has 262144 bytes/],
  ];
  for (const [name, right, wrong, says] of cases) {
    it(`changes nothing where it ${name}: all that is right in the tables would be lost`, async () => {
      assert.equal((await plan(image(right, {}))).change, undefined);
      await assert.rejects(plan(image(right, wrong)), { code: 'refused', message: says });
    });
  }
});

describe('A repair of COPIED', () => {
  it('writes nothing into data to which an L1 entry leads', async () => {
    const built = image(0, {});
    // It looks like a table in which COPIED is missing.
    built
      .put64(built.at(5), built.at(9))
      .put64(built.at(5) + 8n, built.at(10))
      .l1(1, built.at(5))
      .refcount(5, 2);
    const { after } = await applied({
      name: 'repair',
      before: built.toStorage(),
      plan: async (opened, storage, from) => {
        const { change } = await planRepair(opened, storage, from, { codes: ['copied-wrong'] }, noProgress);
        return change ?? assert.fail('nothing is repaired');
      },
    });
    assert.deepEqual(after.slice(built.at(5), 65536), built.toStorage().slice(built.at(5), 65536));
  });

  it('writes nothing where the header leads to itself as the L1 table, or to data', async () => {
    const selection: RepairSelection = { codes: ['copied-wrong', 'refcount-too-low', 'cluster-leaked'] };
    const onData = (): ImageBuilder => image(0, {});
    const built = onData().header({ l1_table_offset: 0 });
    await assert.rejects(plan(built, selection), { code: 'refused', message: /leads to 0x0 as the active L1 table/ });
    const words = onData();
    for (let at = 0n; at < 4096n; at += 8n) {
      words.put64(words.at(6) + at, words.at(8) | 0x30n);
    }
    const { change } = await plan(words.header({ l1_table_offset: words.at(6) }), selection);
    const writes = change?.steps.flatMap((step) => step.says);
    assert.equal(writes?.some((says) => says.includes('COPIED')) ?? false, false);
  });
});

describe('check -r all', () => {
  it('makes no snapshots of what follows the last one, where the header says that there are more', async () => {
    const built = soundImage({ version: 3, clusterBits: 12, refcountOrder: 4 }).header({ nb_snapshots: 3 });
    const { change, left } = await plan(built, { codes: ['snapshot-entry-incomplete', 'cluster-leaked'] });
    assert.equal(change, undefined);
    assert.equal(left, 'corruption');
  });
});
