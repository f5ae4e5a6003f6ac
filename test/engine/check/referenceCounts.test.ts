import assert from 'node:assert/strict';
import { copiedFlags, ReferenceCounts } from '../../../src/engine/check/referenceCounts.ts';
import { random } from '../../support/random.ts';

const page = 65536;

describe('The counts of references', () => {
  it('count any number of references to a cluster', () => {
    const counts = new ReferenceCounts(0, 8 * page);
    for (const by of [1, 61, 1, 1, 2 ** 31, 5]) {
      counts.add(7, 1, by, copiedFlags.none);
    }
    assert.deepEqual([counts.count(6), counts.count(7), counts.count(8)], [0, 2 ** 31 + 69, 0]);
  });

  it('keep what entries say of COPIED beside the count', () => {
    const counts = new ReferenceCounts(0, 8 * page);
    counts.add(1, 2, 1, copiedFlags.copied);
    counts.add(2, 1, 70, copiedFlags.notCopied);
    assert.equal(counts.byteAt(1), 1 | copiedFlags.copied);
    assert.equal(counts.byteAt(2) & copiedFlags.copied, copiedFlags.copied);
    assert.equal(counts.byteAt(2) & copiedFlags.notCopied, copiedFlags.notCopied);
    assert.equal(counts.count(2), 71);
  });

  it('count runs over the borders of pages, above 2^32 clusters', () => {
    const first = 2 ** 33 + page - 2;
    const counts = new ReferenceCounts(0, 8 * page);
    counts.add(first, page + 4, 1, copiedFlags.none);
    for (const [cluster, count] of [
      [first - 1, 0],
      [first, 1],
      [first + page + 3, 1],
      [first + page + 4, 0],
    ] as const) {
      assert.equal(counts.count(cluster), count, `${cluster - first}`);
    }
    assert.equal(counts.end, first + page + 4);
  });

  it('give up the upper half where they would take too much, and then start there', () => {
    const counts = new ReferenceCounts(0, 4 * page);
    for (let at = 0; at < 6; at++) {
      counts.add(at * page, 1, 100, copiedFlags.none);
    }
    assert.equal(counts.to, 2 * page);
    assert.equal(counts.end, 5 * page + 1);
    assert.deepEqual([counts.count(page), counts.count(2 * page)], [100, 0]);
    const rest = new ReferenceCounts(counts.to, 4 * page);
    for (let at = 0; at < 6; at++) {
      rest.add(at * page, 1, 100, copiedFlags.none);
    }
    assert.deepEqual([rest.count(page), rest.count(2 * page), rest.count(5 * page)], [0, 100, 100]);
    assert.ok(rest.to > 5 * page);
  });

  it('are those of counting one by one, in few runs and in many', () => {
    const { below } = random(1);
    const counts = new ReferenceCounts(0, 8 * page);
    const expected = new Uint8Array(2 * page);
    for (let step = 0; step < 1000; step++) {
      const first = below(2 * page - 300);
      const count = 1 + below(300);
      const flags = [copiedFlags.none, copiedFlags.copied, copiedFlags.notCopied][below(3)] ?? 0;
      counts.add(first, count, 1, flags);
      for (let cluster = first; cluster < first + count; cluster++) {
        expected[cluster] = ((expected[cluster] ?? 0) + 1) | flags;
      }
      // Pages of a few runs are looked at now and then, before they have many.
      if (step % 50 === 10) {
        for (const start of [0, page]) {
          const { page: shown } = counts.pageAt(start, 2 * page);
          assert.deepEqual(Buffer.compare(shown, expected.subarray(start, start + page)), 0, `after ${step} steps`);
        }
        assert.equal(counts.byteAt(first), expected[first]);
      }
    }
  });

  it('of a file of 16 TiB fit in what a check takes by default', () => {
    const clusters = 2 ** 28;
    const counts = new ReferenceCounts(0, 2 ** 29);
    const before = process.memoryUsage().arrayBuffers;
    // Tables between the data, as in a file that was written from its start to its end.
    for (let at = 0; at < clusters; at += 8192) {
      counts.add(at, 1, 1, copiedFlags.none);
      counts.add(at + 1, 8191, 1, copiedFlags.copied);
    }
    assert.ok(counts.to > clusters);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 24, 'as runs');
    // In no order: a byte a cluster.
    const scattered = new ReferenceCounts(0, 2 ** 29);
    for (let at = 0; at < clusters; at += page) {
      scattered.add(at, 1, 1, copiedFlags.copied);
    }
    assert.ok(scattered.to > clusters);
  });
});
