import assert from 'node:assert/strict';
import { check } from '../../../src/engine/check/check.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { snapshotLayer } from '../../../src/engine/image/snapshotLayer.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { copied, type ImageBuilder } from '../../support/builder.ts';
import { alone, type CorpusImage, pairs, shapes } from '../../support/corpus/corpus.ts';
import { repaired, textAt } from '../../support/corpus/repaired.ts';
import { active, at, snapshot, soundImage } from '../../support/corpus/sound.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';
import { sampled } from '../../support/sampled.ts';

/** What is not as it should be, in words. */
async function faultsOf(storage: MemoryStorage, { lost, lostInSnapshot }: CorpusImage): Promise<string[]> {
  const image = await openImage(storage);
  const { layer } = image;
  assert(layer);
  const faults: string[] = [];
  const say = (message: string): unknown => faults.push(message);
  await check(image, { say, mismatch: () => undefined }, noProgress);
  for (const [index, text] of active.entries()) {
    const found = lost.has(index) ? text : await textAt(image, layer, index);
    if (found !== text) faults.push(`guest cluster ${index} is “${found}”`);
  }
  if (image.snapshots.count !== 1) {
    faults.push(`${image.snapshots.count} snapshots`);
    return faults;
  }
  const kept = await snapshotLayer(image, 0);
  for (const [index, text] of snapshot.entries()) {
    const found = lostInSnapshot.has(index) ? text : await textAt(image, kept, index);
    if (found !== text) faults.push(`guest cluster ${index} of the snapshot is “${found}”`);
  }
  return faults;
}

describe('A repair of what is broken in the corpus', function () {
  this.timeout(300_000);

  it('has nothing to do on sound images', async () => {
    for (const shape of shapes) {
      const storage = soundImage(shape).toStorage();
      const none = { lost: new Set<number>(), lostInSnapshot: new Set<number>() };
      assert.deepEqual(await faultsOf(storage, { ...(alone()[0] as CorpusImage), ...none }), [], JSON.stringify(shape));
      const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
      assert.equal((await planRepair(await openImage(storage), storage, from, 'all', noProgress)).change, undefined);
    }
  });

  for (const one of sampled(alone(), 75)) {
    it(`ends clean, with every guest byte that could be kept: ${one.name}`, async () => {
      assert.deepEqual(await faultsOf(await repaired(one.build()), one), []);
    });
  }

  it('ends so where two things are broken', async () => {
    const [shape] = shapes;
    assert(shape);
    const wrong: string[] = [];
    for (const one of sampled(pairs(shape), 30)) {
      const faults = await faultsOf(await repaired(one.build()), one).catch((error: unknown) => [String(error)]);
      if (faults.length > 0) wrong.push(`${one.name}: ${faults.slice(0, 3).join('; ')}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('leads to a snapshot’s tables again where the guest’s tables or data are said to be them, and the guest keeps these', async () => {
    const misled: readonly (readonly [name: string, mislead: (image: ImageBuilder) => unknown])[] = [
      ['the snapshot table on data', (image) => image.header({ snapshots_offset: image.at(at.data[0]) })],
      ['its L1 table on an L2 table', (image) => image.put64(image.at(at.snapshotTable), image.at(at.l2))],
      ['its L1 table on data', (image) => image.put64(image.at(at.snapshotTable), image.at(at.data[2]))],
    ];
    const none = { ...(alone()[0] as CorpusImage), lost: new Set<number>(), lostInSnapshot: new Set<number>() };
    for (const shape of shapes.filter((_, index) => index % 4 === 0)) {
      for (const [name, mislead] of misled) {
        const image = soundImage(shape);
        mislead(image);
        assert.deepEqual(
          await faultsOf(await repaired(image.toStorage()), none),
          [],
          `${name} (${JSON.stringify(shape)})`,
        );
      }
    }
  });

  it('writes no refcounts where the refcount table leads, or is said to be, and data is whose entry is broken too', async () => {
    for (const shape of shapes.filter((_, index) => index % 4 === 0)) {
      for (const harm of [
        (image: ImageBuilder) => image.put64(image.at(at.refcountTable), image.at(at.data[0])),
        (image: ImageBuilder) => image.header({ refcount_table_offset: image.at(at.data[0]) }),
      ]) {
        const image = soundImage(shape);
        image.entry(at.l2, 0, copied | (image.at(at.data[0]) + 512n));
        harm(image);
        const after = await repaired(image.toStorage());
        const text = after.slice(image.at(at.data[0]), 8);
        assert.equal(new TextDecoder().decode(text), active[0], JSON.stringify(shape));
      }
    }
  });

  it('keeps an L2 table on which the refcount table has a block, where the way of its own is broken too', async () => {
    for (const shape of shapes) {
      const broken = pairs(shape).filter(
        ({ name }) =>
          name.startsWith('a refcount block on an L2 table, and an L2 table that is not at a cluster') ||
          name.startsWith('a refcount block on an L2 table, and the L1 table past the end of the file'),
      );
      assert.equal(broken.length, 2);
      for (const one of broken) {
        assert.deepEqual(await faultsOf(await repaired(one.build()), one), [], one.name);
      }
    }
  });
});
