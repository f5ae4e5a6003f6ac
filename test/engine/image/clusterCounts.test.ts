import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ClusterCounts } from '../../../src/engine/image/clusterCounts.ts';
import { ClusterSet } from '../../../src/engine/image/clusterSet.ts';

const clusters = fc.integer({ min: 0, max: 200_000 });

describe('counts of clusters', () => {
  it('are those of a map', () => {
    const additions = fc.array(fc.tuple(clusters, fc.integer({ min: 1, max: 70_000 })));
    fc.assert(
      fc.property(additions, (all) => {
        const counts = new ClusterCounts();
        const expected = new Map<number, number>();
        for (const [cluster, times] of all) {
          counts.add(cluster, times);
          expected.set(cluster, (expected.get(cluster) ?? 0) + times);
        }
        assert.deepEqual(
          [...counts].map((cluster) => [cluster, counts.count(cluster)]),
          [...expected].sort(([a], [b]) => a - b),
        );
        assert.equal(counts.count(200_001), 0);
      }),
    );
  });
});

describe('the next cluster of a set', () => {
  it('is the lowest one at or after the place', () => {
    fc.assert(
      fc.property(fc.array(clusters), clusters, (members, from) => {
        const set = new ClusterSet();
        for (const member of members) {
          set.add(member, 1);
        }
        const wanted = Math.min(...members.filter((member) => member >= from));
        assert.equal(set.next(from), wanted === Number.POSITIVE_INFINITY ? undefined : wanted);
      }),
    );
  });

  it('is none that was taken out', () => {
    const set = new ClusterSet();
    set.add(31, 3);
    set.remove(32, 1);
    assert.deepEqual([set.next(0), set.next(32), set.next(34)], [31, 33, undefined]);
  });
});
