import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addRun, eachCell, emptyBins, type MapBins, sumBins } from '../../src/worker/mapBins.ts';

/** The counts of each cell as a list. */
function cellsOf(bins: MapBins, start: number, cellUnits: number, cells: number): number[][] {
  const found: number[][] = [];
  eachCell(bins, start, cellUnits, cells, (_cell, sums) => found.push([...sums]));
  return found;
}

describe('the bins of a map', () => {
  it('tell of every cell how much it has in each column', () => {
    const bins = emptyBins(8, 4, 3, 3);
    addRun(bins, 8, 2, 0);
    addRun(bins, 10, 7, 1);
    addRun(bins, 17, 3, 2);
    const expected = [
      [2, 2, 0],
      [0, 4, 0],
      [0, 1, 3],
    ];
    assert.deepEqual(cellsOf(bins, 8, 4, 3), expected);
    const sums = new Float64Array(3);
    sumBins(bins, 0, 3, sums);
    assert.deepEqual([...sums], [2, 7, 3]);
  });

  it('count of a last cell what there is of it', () => {
    const bins = emptyBins(0, 2, 2, 1);
    addRun(bins, 0, 3, 0);
    assert.deepEqual(cellsOf(bins, 0, 4, 1), [[3]]);
  });

  it('are exact however large they are', () => {
    const bins = emptyBins(0, 2 ** 40, 2, 1);
    addRun(bins, 1, 2 ** 40 + 5, 0);
    assert.deepEqual(cellsOf(bins, 0, 2 ** 40, 2), [[2 ** 40 - 1], [6]]);
  });

  it('give the same cells as counting unit by unit', () => {
    const run = fc.record({ count: fc.integer({ min: 1, max: 70 }), column: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 3 }),
        (runs, binBits, cellBits) => {
          const units = runs.flatMap(({ count, column }) => Array.from({ length: count }, () => column));
          const bins = emptyBins(0, 2 ** binBits, Math.ceil(units.length / 2 ** binBits), 4);
          let at = 0;
          for (const { count, column } of runs) {
            addRun(bins, at, count, column);
            at += count;
          }
          const size = 2 ** (binBits + cellBits);
          const cells = Math.ceil(units.length / size);
          const expected = Array.from({ length: cells }, (_, cell) => {
            const inCell = units.slice(cell * size, (cell + 1) * size);
            return [0, 1, 2, 3].map((column) => inCell.filter((unit) => unit === column).length);
          });
          assert.deepEqual(cellsOf(bins, 0, size, cells), expected);
        },
      ),
    );
  });
});
