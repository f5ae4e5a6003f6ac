import assert from 'node:assert/strict';
import { ClusterSet } from '../../../src/engine/image/clusterSet.ts';
import { random } from '../../support/random.ts';

/** Clusters of a page of the set, and of a bit more than two. */
const [page, most] = [32768, 70000];

describe('A set of clusters', () => {
  it('has what a plain set has, after any ranges were put in and taken out', () => {
    const { below, pick } = random(1);
    const [clusters, again] = [new ClusterSet(), new ClusterSet()];
    const [plain, plainAgain] = [new Set<number>(), new Set<number>()];
    for (let step = 0; step < 25; step++) {
      const first = pick([0, page, below(most)]);
      const count = Math.min(pick([1, 31, 64, page, below(most)]), most - first);
      const isAdded = below(3) > 0;
      if (isAdded) {
        clusters.add(first, count, again);
      } else {
        clusters.remove(first, count);
      }
      for (let cluster = first; cluster < first + count; cluster++) {
        if (isAdded && plain.has(cluster)) plainAgain.add(cluster);
        if (isAdded) plain.add(cluster);
        else plain.delete(cluster);
      }
      const sorted = [...plain].sort((a, b) => a - b);
      assert.deepEqual([...clusters.each()], sorted);
      const from = below(most);
      assert.equal(
        clusters.next(from),
        sorted.find((cluster) => cluster >= from),
      );
      assert.equal(clusters.last(from), sorted.findLast((cluster) => cluster < from) ?? -1);
      assert.equal(
        clusters.meets(from, 100),
        sorted.some((cluster) => cluster >= from && cluster < from + 100),
      );
      assert.equal(clusters.has(from), plain.has(from));
      let free = from;
      for (let at = from; at < free + 40; at++) {
        if (plain.has(at)) free = at + 1;
      }
      assert.equal(clusters.firstFree(from, 40), free);
    }
    assert.deepEqual(
      [...again.each()],
      [...plainAgain].sort((a, b) => a - b),
    );
  });

  it('takes little memory for all clusters of 16 TiB of 512 bytes, and for the last of them', () => {
    const count = 2 ** 35;
    const before = process.memoryUsage().arrayBuffers;
    const [clusters, last] = [new ClusterSet(), new ClusterSet()];
    clusters.add(0, count);
    clusters.remove(5, 1);
    last.add(count - 1, 1);
    assert.equal(clusters.has(count - 1) && !clusters.has(5), true);
    assert.equal(last.next(0), count - 1);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 24);
  });
});
