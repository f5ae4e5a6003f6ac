import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import type { RepairSelection } from '../../../src/engine/operations/repair/selection.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { applied } from '../../crash/crashCase.ts';
import { compressed, copied, ImageBuilder } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

const clusterBits = 12;
const size = 2 ** clusterBits;

/**
 * An image of which a crash has changed places of the refcount table (cluster 1) and the L2 table (cluster 4), which has no
 * COPIED, as after a snapshot: the data in clusters 5 to 104 is said to be refcount blocks. `packed`: a bit
 * of two entries out of three.
 */
function swapped(packed = 0n): MemoryStorage {
  const built = new ImageBuilder({ cluster_bits: clusterBits, size: 2 ** 21 });
  built.l1(0, built.at(4));
  for (let cluster = 4; cluster < 105; cluster++) {
    built.refcount(cluster, 2);
    if (cluster > 4) {
      built
        .entry(4, cluster - 5, built.at(cluster) | (cluster % 3 === 0 ? 0n : packed))
        .put(built.at(cluster), dataOf(cluster));
    }
  }
  const storage = built.truncate(built.at(105)).toStorage();
  const [table, l2] = [storage.slice(built.at(1), size).slice(), storage.slice(built.at(4), size).slice()];
  storage.write(built.at(1), l2);
  storage.write(built.at(4), table);
  return storage;
}

function dataOf(cluster: number): string {
  return `data of cluster ${cluster}, `.repeat(size).slice(0, size);
}

async function repaired(before: MemoryStorage, selection: RepairSelection): Promise<MemoryStorage> {
  const { after } = await applied({
    name: 'repair',
    before,
    plan: async (image, storage, from) => {
      const { change } = await planRepair(image, storage, from, selection, noProgress);
      return change ?? { title: 'nothing', steps: [], cautions: [], from };
    },
  });
  return after;
}

describe('A repair where the refcount table was lost', () => {
  const selections: readonly RepairSelection[] = ['all', { codes: ['cluster-leaked'] }];

  it('writes no refcounts into the data that what is in its place leads to', async () => {
    for (const selection of selections) {
      const after = await repaired(swapped(), selection);
      for (let cluster = 5; cluster < 105; cluster++) {
        const text = new TextDecoder().decode(after.slice(BigInt(cluster * size), size));
        assert.equal(text, dataOf(cluster), `cluster ${cluster} (${JSON.stringify(selection)})`);
      }
    }
  });

  it('counts as used what nothing leads to, where a table is among it: that must not be given to anybody', async () => {
    for (const packed of [0n, compressed]) {
      const after = await repaired(swapped(packed), 'all');
      const refcounts = await refcountsOf(after);
      const free = Array.from({ length: 105 }, (_, cluster) => cluster).filter((cluster) => refcounts(cluster) === 0);
      assert.deepEqual(free, []);
    }
  });

  it('counts as used what entries should have led to, where there is no refcount block any more', async () => {
    const built = new ImageBuilder({ cluster_bits: clusterBits, size: 2 ** 21 }).l1(0, built64(4));
    for (let cluster = 5; cluster < 20; cluster++) {
      built.entry(4, cluster, built64(cluster)).put(built.at(cluster), dataOf(cluster));
    }
    // The entry of cluster 7 was written over.
    built.entry(4, 7, built64(7) + 2n ** 40n).put64(built.at(1), 0n);
    const storage = built.truncate(built.at(20)).toStorage();
    const refcounts = await refcountsOf(await repaired(storage, 'all'));
    assert.equal(refcounts(7), 1);
    const leaksOnly = await repaired(storage, { codes: ['cluster-leaked'] });
    assert.equal(leaksOnly.size, storage.size);
  });
});

function built64(cluster: number): bigint {
  return copied | BigInt(cluster * size);
}

async function refcountsOf(storage: MemoryStorage): Promise<(cluster: number) => number> {
  const { header } = await openImage(storage);
  assert(header);
  const block = new DataView(storage.slice(header.refcount_table_offset, 8).buffer).getBigUint64(0);
  const counts = new DataView(storage.slice(block, size).buffer);
  return (cluster) => counts.getUint16(2 * cluster);
}
