import assert from 'node:assert/strict';
import { fuzz } from './fuzzRun.ts';

describe('700 mutated images', function () {
  this.timeout(10 * 60_000);

  it('are opened, described, scanned and mapped without an exception, a hang, or more reading or memory than allowed', async () => {
    const seed = 20_240_601;
    const failures = await fuzz({ count: 700, seed });
    const report = failures
      .slice(0, 10)
      .map(({ index, image, problem }) => `npm run fuzz -- -seed ${seed} -start ${index} -n 1\n${image}\n${problem}`);
    assert.equal(failures.length, 0, `${failures.length} images failed:\n\n${report.join('\n\n')}`);
  });
});
