import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ClusterMarks, markRule } from '../../../src/engine/image/clusterMarks.ts';
import { hostKinds } from '../../../src/engine/image/hostKinds.ts';

const { free, data, shared, refcounted, leaked } = hostKinds;

const refer = markRule([
  [free, data],
  [refcounted, data],
  [data, shared],
]);
const count = markRule([[free, refcounted]]);
const finish = markRule([[refcounted, leaked]]);

/** The runs of a range as `kind from+count`. */
function runsOf(kinds: ClusterMarks, from: number, to: number): string[] {
  const runs: string[] = [];
  kinds.eachRun(from, to, (kind, cluster, length) => runs.push(`${kind} ${cluster}+${length}`));
  return runs;
}

describe('the marks of host clusters', () => {
  it('change by rules', () => {
    const kinds = new ClusterMarks(0, 5000);
    kinds.apply(count, 10, 3000);
    kinds.apply(refer, 1000, 100);
    kinds.apply(refer, 1050, 3);
    kinds.finish(finish);
    assert.deepEqual(runsOf(kinds, 0, 5000), [
      '0 0+10',
      '12 10+990',
      '9 1000+50',
      '11 1050+3',
      '9 1053+47',
      '12 1100+1910',
      '0 3010+1990',
    ]);
  });

  it('are the same as of an array, cluster by cluster', () => {
    const step = fc.record({
      rule: fc.constantFrom(refer, count),
      from: fc.integer({ min: 0, max: 9000 }),
      length: fc.integer({ min: 1, max: 5000 }),
    });
    fc.assert(
      fc.property(fc.array(step), fc.boolean(), (steps, finished) => {
        const kinds = new ClusterMarks(100, 8000);
        const expected = new Uint8Array(8000);
        for (const { rule, from, length } of steps) {
          kinds.apply(rule, from, length);
          for (let at = Math.max(100, from); at < Math.min(8000, from + length); at++) {
            expected[at] = rule.next[expected[at] ?? 0] ?? 0;
          }
        }
        if (finished) {
          kinds.finish(finish);
          expected.forEach((kind, at) => {
            expected[at] = finish.next[kind] ?? 0;
          });
        }
        const found = new Uint8Array(8000);
        kinds.eachRun(100, 8000, (kind, cluster, length) => found.fill(kind, cluster, cluster + length));
        assert.deepEqual(found, expected);
        for (let at = 100; at < 8000; at += 37) {
          assert.equal(kinds.swap(refer, at), expected[at]);
          assert.equal(kinds.swap(count, at), refer.next[expected[at] ?? 0]);
        }
      }),
    );
  });

  it('take next to no memory where long runs are alike, and half a byte a cluster where none are', () => {
    const alike = new ClusterMarks(0, 2 ** 28);
    // As an image of 16 TiB that was written from front to back: an L2 table before each 8192 clusters.
    for (let at = 0; at < 2 ** 28; at += 8193) {
      alike.apply(markRule([[free, hostKinds.l2Table]]), at, 1);
      alike.apply(refer, at + 1, 8192);
    }
    alike.finish(finish);
    assert.ok(alike.bytes < 12 * 2 ** 20, `${alike.bytes} bytes`);
    const mixed = new ClusterMarks(0, 2 ** 20);
    for (let at = 0; at < 2 ** 20; at += 2) {
      mixed.apply(refer, at, 1);
    }
    assert.equal(mixed.bytes, 2 ** 19 + 4 * 4096);
  });

  it('end earlier where they would take too much memory', () => {
    const kinds = new ClusterMarks(0, 2 ** 40, 2 ** 20);
    for (let index = 0; index < 4096; index++) {
      kinds.apply(refer, index * 2 ** 25, 1);
    }
    assert.ok(kinds.bytes <= 2 ** 20, `${kinds.bytes} bytes`);
    assert.ok(kinds.to < 2 ** 40 && kinds.to >= 2 ** 25);
    assert.deepEqual(runsOf(kinds, 0, 2 ** 25 + 2), ['9 0+1', '0 1+33554431', '9 33554432+1', '0 33554433+1']);
    const next = new ClusterMarks(kinds.to, 2 ** 40, 2 ** 20);
    next.apply(refer, kinds.to, 1);
    assert.deepEqual(runsOf(next, kinds.to, kinds.to + 2), [`9 ${kinds.to}+1`, `0 ${kinds.to + 1}+1`]);
  });
  it('are visited region by region that there is, of however large a file', () => {
    const kinds = new ClusterMarks(0, 2 ** 53);
    kinds.apply(refer, 2 ** 52, 3);
    assert.deepEqual(runsOf(kinds, 0, 2 ** 53), [
      `0 0+${2 ** 52}`,
      `9 ${2 ** 52}+3`,
      `0 ${2 ** 52 + 3}+${2 ** 53 - 2 ** 52 - 3}`,
    ]);
  });

  it('end earlier within one run that is too long', () => {
    const kinds = new ClusterMarks(0, 2 ** 50, 2 ** 20);
    kinds.apply(count, 5, 2 ** 49);
    assert.ok(kinds.bytes <= 2 ** 20 && kinds.to < 2 ** 49, `${kinds.bytes} bytes`);
    assert.deepEqual(runsOf(kinds, 0, 100), ['0 0+5', '13 5+95']);
  });
});
