/**
 * `npm run crash`: every state of every change is judged by qemu-img too, and the command line is killed 500 times. Takes
 * about 40 minutes on two cores. `-seed N` for other subsets, `-g TEXT` for some of the changes.
 */
import { spawnSync } from 'node:child_process';
import { ensureSystemPackages } from '../support/system.ts';

const words = process.argv.slice(2);
const at = words.indexOf('-seed');
const [, seed = '1'] = at < 0 ? [] : words.splice(at, 2);
await ensureSystemPackages();
const { status } = spawnSync('mocha', ['test/crash/*.test.ts', ...words], {
  stdio: 'inherit',
  env: { ...process.env, QCOW2_CRASH: 'all', QCOW2_CRASH_SEED: seed },
});
process.exitCode = status ?? 1;
