import assert from 'node:assert/strict';
import { check } from '../../../src/engine/check/check.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { applied } from '../../crash/crashCase.ts';
import { copied, type HeaderValues, ImageBuilder } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

/**
 * An image of 20 clusters with an L2 table in cluster 4 and data in clusters 5 and 6, of which 5 has a refcount of 0. What
 * lies behind is free: its bytes are the rest of what was there once.
 */
function harmed(values: Partial<HeaderValues> = {}): ImageBuilder {
  const built = new ImageBuilder(values);
  built.l1(0, copied | built.at(4)).entry(4, 0, copied | built.at(5));
  built
    .entry(4, 1, copied | built.at(6))
    .put(built.at(5), 'first')
    .put(built.at(6), 'second');
  for (let cluster = 7; cluster < 20; cluster++) {
    built.put(built.at(cluster), 'what was there once');
  }
  return built.refcount(4, 1).refcount(6, 1).truncate(built.at(20));
}

/** Where the refcount table and the first block lie, as numbers of clusters, and how many the file has. */
async function placesOf(storage: MemoryStorage): Promise<{ table: number; block: number; clusters: number }> {
  const { header, geometry } = await openImage(storage);
  assert(header && geometry);
  const { clusterSize, fileClusters: clusters } = geometry;
  const block = new DataView(storage.slice(header.refcount_table_offset, 8).buffer).getBigUint64(0);
  return { table: Number(header.refcount_table_offset) / clusterSize, block: Number(block) / clusterSize, clusters };
}

/** Repairs all, and has a check find nothing. */
async function repaired(built: ImageBuilder): Promise<MemoryStorage> {
  const { after } = await applied({
    name: 'repair',
    before: built.toStorage(),
    plan: async (image, storage, from) =>
      (await planRepair(image, storage, from, 'all', noProgress)).change ?? assert.fail('nothing is repaired'),
  });
  const silent = { say: () => undefined, mismatch: () => undefined };
  const { corruptions, leaks, checkErrors } = await check(await openImage(after), silent, noProgress);
  assert.deepEqual([corruptions, leaks, checkErrors], [0, 0, 0]);
  return after;
}

/** What is told when the image is a device, which can't get longer. */
async function refusalOnDevice(built: ImageBuilder): Promise<string> {
  const storage = Object.assign(built.toStorage(), { fixedSize: true });
  const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
  const error = await planRepair(await openImage(storage), storage, from, 'all', noProgress).then(
    () => assert.fail('nothing was refused'),
    (reason: unknown) => reason,
  );
  assert(error instanceof Error && 'code' in error);
  assert.equal(error.code, 'refused');
  return error.message;
}

describe('Refcounts that are built anew', () => {
  it('lie in the first free clusters, and the file gets no longer', async () => {
    const after = await repaired(harmed());
    assert.deepEqual(await placesOf(after), { table: 7, block: 8, clusters: 20 });
  });

  it('leave free what they were in before', async () => {
    const after = await repaired(harmed());
    const { block } = await placesOf(after);
    const { geometry } = await openImage(after);
    const counts = new Uint16Array(after.slice(BigInt(block * (geometry?.clusterSize ?? 0)), 22).buffer);
    // Header, L1 table, L2 table, data twice, refcount table and block.
    assert.deepEqual(
      [...counts].map((count) => (count === 0 ? 0 : 1)),
      [1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0],
    );
  });

  it('are all there before the header leads to them', async () => {
    const built = harmed();
    const storage = built.toStorage();
    const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
    const { change } = await planRepair(await openImage(storage), storage, from, 'all', noProgress);
    const steps = (change?.steps ?? []).map(({ edits }) => edits.map(({ at }) => Number(at / built.clusterSize)));
    const places = steps.findIndex((edits) => edits.includes(7));
    assert.deepEqual(steps[places], [7, 8]);
    assert.ok(steps.slice(0, places).every((edits) => edits.every((cluster) => cluster === 0)));
  });

  it('lie there too where there is no refcount table any more', async () => {
    const built = harmed({ refcount_table_offset: 0n, refcount_table_clusters: 0 });
    // The former table leads nowhere, or it would look like a table of the guest.
    built.put64(built.at(1), 0n);
    const { clusters, table } = await placesOf(await repaired(built));
    assert.equal(clusters, 20);
    assert.ok(table < 20);
  });

  it('fill holes of a device', async () => {
    const storage = Object.assign(harmed().toStorage(), { fixedSize: true });
    const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
    const { change, isWhole } = await planRepair(await openImage(storage), storage, from, 'all', noProgress);
    assert.ok(isWhole);
    for (const { edits } of change?.steps ?? []) {
      assert.ok(edits.every(({ at, bytes }) => at + BigInt(bytes.length) <= storage.size));
    }
  });

  /** What makes it uncertain which clusters are free, and the reason that is told. */
  const uncertain: readonly (readonly [name: string, harm: (built: ImageBuilder) => unknown, why: RegExp])[] = [
    [
      'a cluster that nothing leads to looks like a table',
      (built) => {
        for (const index of [0, 1, 2]) built.entry(12, index, copied | built.at(13 + index));
      },
      /it looks like a table that leads to data/,
    ],
    ['a header extension is not known', (built) => built.extension(0x12345678, 'owner'), /extension that is not known/],
    [
      'an entry leads to another table',
      (built) => built.entry(4, 2, copied | built.at(3)),
      /tables led elsewhere than they should/,
    ],
  ];
  for (const [name, harm, why] of uncertain) {
    it(`stay out of the free clusters where ${name}`, async () => {
      // Without a refcount block, a new one is needed somewhere.
      const broken = (): ImageBuilder => {
        const built = harmed();
        built.put64(built.at(1), 0n);
        harm(built);
        return built;
      };
      assert.match(await refusalOnDevice(broken()), why);
      const { after } = await applied({
        name: 'repair',
        before: broken().toStorage(),
        plan: async (image, storage, from) =>
          (await planRepair(image, storage, from, 'all', noProgress)).change ?? assert.fail('nothing is repaired'),
      });
      assert.ok((await placesOf(after)).block >= 20);
      const size = Number(harmed().clusterSize) * 13;
      const kept = broken()
        .toStorage()
        .slice(7n * harmed().clusterSize, size);
      assert.ok(Buffer.from(kept).equals(after.slice(7n * harmed().clusterSize, size)), 'what lies there is as it was');
    });
  }
});
