import assert from 'node:assert/strict';
import { type FuzzPlan, fuzz } from './fuzzRun.ts';

async function failuresOf(plan: FuzzPlan): Promise<string> {
  const failures = await fuzz(plan);
  const words = `${plan.manner === 'structure' ? 'structure ' : ''}-seed ${plan.seed}`;
  const report = failures
    .slice(0, 10)
    .map(({ index, image, problem }) => `npm run fuzz -- ${words} -start ${index} -n 1\n${image}\n${problem}`);
  return failures.length === 0 ? '' : `${failures.length} images failed:\n\n${report.join('\n\n')}`;
}

describe('Mutated images', function () {
  this.timeout(10 * 60_000);

  it('are opened, described, scanned and mapped without an exception, a hang, or more reading or memory than allowed: 400', async () => {
    assert.equal(await failuresOf({ count: 400, seed: 20_240_601 }), '');
  });

  it('likewise where much of a structure is wrong: 500', async () => {
    assert.equal(await failuresOf({ count: 500, seed: 20_261_127, manner: 'structure' }), '');
  });
});
