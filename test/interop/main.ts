/** `npm run interop`: our answers are held against qemu-img's on every image, and the whole corpus is repaired, not a sample. `-g TEXT` for some. */
import { spawnSync } from 'node:child_process';
import { ensureSystemPackages } from '../support/system.ts';

await ensureSystemPackages();
const { status } = spawnSync(
  'mocha',
  ['test/interop/*.test.ts', 'test/engine/operations/repairCorpus.test.ts', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, QCOW2_INTEROP: 'all' },
  },
);
process.exitCode = status ?? 1;
