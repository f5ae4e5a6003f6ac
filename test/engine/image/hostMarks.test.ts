import assert from 'node:assert/strict';
import { HostMarks } from '../../../src/engine/image/hostMarks.ts';
import { owners } from '../../../src/engine/image/reference.ts';

const { header, l2Table, data, compressed } = owners;

describe('the marks of owners', () => {
  it('keep the first owner, and tell of the others', () => {
    const marks = new HostMarks(0, 100);
    marks.mark(header, 0, 1);
    marks.mark(l2Table, 5, 2);
    marks.mark(data, 4, 4);
    marks.mark(header, 0, 1);
    assert.deepEqual(marks.overlaps, [
      { cluster: 5, count: 2, owner: data, by: l2Table },
      { cluster: 0, count: 1, owner: header, by: header },
    ]);
    assert.equal(marks.overlapCount, 2);
    const counts = marks.counts();
    assert.deepEqual([counts[header], counts[l2Table], counts[data], counts[0]], [1, 2, 2, 0]);
  });

  it('let tables and data be shared by layers, and compressed clusters by neighbours, but not with each other', () => {
    const marks = new HostMarks(0, 100);
    for (const owner of [l2Table, data, compressed]) {
      marks.mark(owner, owner, 1);
      marks.mark(owner, owner, 1);
    }
    assert.deepEqual(marks.overlaps, []);
    marks.mark(data, compressed, 1);
    assert.deepEqual(marks.overlaps, [{ cluster: compressed, count: 1, owner: data, by: compressed }]);
  });

  it('visit the clusters without an owner', () => {
    const marks = new HostMarks(2, 10);
    marks.mark(data, 0, 4);
    marks.mark(data, 6, 1);
    const unowned: number[] = [];
    marks.eachUnowned(0, 100, (cluster) => unowned.push(cluster));
    assert.deepEqual(unowned, [4, 5, 7, 8, 9]);
  });

  it('end earlier where they are too many, and forget the overlaps past their end', () => {
    const marks = new HostMarks(0, 2 ** 40, 2 ** 20);
    marks.mark(data, 0, 1);
    marks.mark(header, 0, 1);
    marks.mark(data, 2 ** 39, 8);
    marks.mark(header, 2 ** 39, 8);
    assert.equal(marks.overlapCount, 2);
    for (let index = 1; index < 1024; index++) {
      marks.mark(data, index * 2 ** 20, 1);
    }
    assert.ok(marks.to < 2 ** 39, `${marks.to}`);
    assert.deepEqual(marks.overlaps, [{ cluster: 0, count: 1, owner: header, by: data }]);
    assert.equal(marks.overlapCount, 1);
  });
});
