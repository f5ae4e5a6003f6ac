import assert from 'node:assert/strict';
import { type Mark, ShareMarks, sharers } from '../../../src/engine/image/shareMarks.ts';

function marksOf(marks: ShareMarks): Mark[] {
  return [...marks];
}

describe('marks of the clusters of a snapshot', () => {
  it('count references, whatever their number', () => {
    const marks = new ShareMarks(0, 100_000);
    for (let time = 0; time < 40; time += 1) {
      marks.own(7, 1, 1, false);
    }
    marks.own(8, 2, 30, true);
    marks.own(9, 1, 1_000_000, true);
    marks.own(9, 1, 5, true);
    assert.deepEqual(
      marksOf(marks).map(({ cluster, count, table }) => [cluster, count, table]),
      [
        [7, 40, false],
        [8, 30, true],
        [9, 1_000_035, true],
      ],
    );
  });

  it('tell who else refers to them, and nothing of clusters that the snapshot does not have', () => {
    const marks = new ShareMarks(0, 100_000);
    marks.own(16_383, 3, 1, false);
    marks.shared(0, 16_384, sharers.active);
    marks.shared(16_384, 1, sharers.others);
    marks.shared(16_383, 2, sharers.others);
    marks.shared(70_000, 5, sharers.others);
    assert.deepEqual(
      marksOf(marks).map(({ cluster, active, others }) => [cluster, active, others]),
      [
        [16_383, true, true],
        [16_384, false, true],
        [16_385, false, false],
      ],
    );
  });

  it('end earlier where there is no memory for all, and go on in another pass', () => {
    const clusters = Array.from({ length: 10 }, (_, index) => index * 20_000);
    const seen: number[] = [];
    let passes = 0;
    for (let from = 0; from < 200_000; passes += 1) {
      const marks = new ShareMarks(from, 200_000, 4 * 16_384);
      for (const cluster of clusters) {
        marks.own(cluster, 1, 100, false);
      }
      for (const mark of marks) {
        assert.equal(mark.count, 100);
        seen.push(mark.cluster);
      }
      from = marks.to;
    }
    assert.deepEqual(seen, clusters);
    assert.ok(passes > 1);
  });
});
