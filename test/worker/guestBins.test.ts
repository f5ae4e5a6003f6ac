import assert from 'node:assert/strict';
import fc from 'fast-check';
import { guestKinds } from '../../src/protocol/mapApi.ts';
import { addRun, emptyBins, kindIndex, partsOf } from '../../src/worker/guestBins.ts';

describe('the bins of a map', () => {
  it('number the kinds in the order of the protocol', () => {
    assert.deepEqual(
      guestKinds.map((kind) => kindIndex[kind]),
      [0, 1, 2, 3, 4, 5],
    );
  });

  it('tell of every cell which part is of which kind', () => {
    const bins = emptyBins(8, 4, 3);
    addRun(bins, 8, 2, 'data');
    addRun(bins, 10, 7, 'unallocated');
    addRun(bins, 17, 3, 'wrong');
    assert.deepEqual([...partsOf(bins, 8, 4, 3)], [0.5, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0.25, 0.75]);
  });

  it('count a last cell that the disk only begins as whole', () => {
    const bins = emptyBins(0, 2, 2);
    addRun(bins, 0, 3, 'data');
    assert.deepEqual([...partsOf(bins, 0, 4, 1)], [1, 0, 0, 0, 0, 0]);
  });

  it('give the same picture as counting unit by unit', () => {
    const run = fc.record({ count: fc.integer({ min: 1, max: 70 }), kind: fc.constantFrom(...guestKinds) });
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 3 }),
        (runs, binBits, cellBits) => {
          const units = runs.flatMap(({ count, kind }) => Array.from({ length: count }, () => kind));
          const bins = emptyBins(0, 2 ** binBits, Math.ceil(units.length / 2 ** binBits));
          let at = 0;
          for (const { count, kind } of runs) {
            addRun(bins, at, count, kind);
            at += count;
          }
          const size = 2 ** (binBits + cellBits);
          const cells = Math.ceil(units.length / size);
          const expected = new Float32Array(cells * guestKinds.length);
          for (let cell = 0; cell < cells; cell++) {
            const inCell = units.slice(cell * size, (cell + 1) * size);
            guestKinds.forEach((kind, index) => {
              expected[cell * guestKinds.length + index] =
                inCell.filter((unit) => unit === kind).length / inCell.length;
            });
          }
          assert.deepEqual(partsOf(bins, 0, size, cells), expected);
        },
      ),
    );
  });
});
