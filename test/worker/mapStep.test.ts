import assert from 'node:assert/strict';
import fc from 'fast-check';
import { noProgress } from '../../src/engine/ports.ts';
import { addRun, emptyBins } from '../../src/worker/mapBins.ts';
import { nextRun, previousRun, type Stepped } from '../../src/worker/mapStep.ts';

/** Units of which the true ones are stepped through. `looked`: the bins that had to be looked into. */
function steppedOf(
  units: readonly boolean[],
  binUnits: number,
  joined: boolean,
): { stepped: Stepped; looked: number[] } {
  const bins = emptyBins(0, binUnits, Math.ceil(units.length / binUnits), 2);
  const looked: number[] = [];
  for (const [unit, wanted] of units.entries()) {
    addRun(bins, unit, 1, wanted ? 1 : 0);
  }
  const stepped: Stepped = {
    bins,
    column: 1,
    units: units.length,
    joined,
    clusterUnits: 1,
    runs: async (from, to, visit) => {
      looked.push(from / binUnits);
      for (let unit = from; unit < to; unit++) {
        if (units[unit]) {
          visit(unit, 1);
        }
      }
    },
  };
  return { stepped, looked };
}

/** All runs of true units. */
function runsOf(units: readonly boolean[], joined: boolean): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = [];
  units.forEach((wanted, unit) => {
    const last = runs.at(-1);
    if (wanted && joined && last?.end === unit) {
      last.end = unit + 1;
    } else if (wanted) {
      runs.push({ start: unit, end: unit + 1 });
    }
  });
  return runs;
}

const someUnits = fc
  .array(fc.record({ count: fc.integer({ min: 1, max: 40 }), wanted: fc.boolean() }), { minLength: 1 })
  .map((runs) => runs.flatMap(({ count, wanted }) => Array.from({ length: count }, () => wanted)));

describe('stepping through a map', () => {
  it('finds the run that is next, and the one before, of those that there are', async () => {
    const at = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        someUnits,
        fc.integer({ min: 0, max: 4 }),
        fc.boolean(),
        at,
        async (units, bits, joined, place) => {
          const { stepped } = steppedOf(units, 2 ** bits, joined);
          const from = Math.round(place * units.length);
          const runs = runsOf(units, joined);
          assert.deepEqual(
            await nextRun(stepped, from, noProgress),
            runs.find(({ start }) => start >= from),
          );
          assert.deepEqual(
            await previousRun(stepped, from, noProgress),
            runs.findLast(({ end }) => end <= from),
          );
        },
      ),
    );
  });

  it('looks into the bins at both ends of the run alone', async () => {
    const units = Array.from({ length: 1 << 16 }, (_, unit) => unit >= 1000 && unit < 60_000);
    const { stepped, looked } = steppedOf(units, 64, true);
    assert.deepEqual(await nextRun(stepped, 0, noProgress), { start: 1000, end: 60_000 });
    assert.deepEqual(await previousRun(stepped, 1 << 16, noProgress), { start: 1000, end: 60_000 });
    assert.deepEqual(looked, [15, 937, 937, 15]);
  });
});
