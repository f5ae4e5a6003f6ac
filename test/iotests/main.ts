/**
 * `npm run iotests -- [TEST...]`: QEMU's own tests, with our command in qemu-img's place. Without names those of
 * `listed.ts`. Ends with 0 only when each of them has passed. Options:
 *
 * - `--real`: the qemu-img of the system instead, to see what a test is worth
 * - `--program FILE`: any other program
 * - `--image-options compat=0.10`: for all images
 * - `--timeout SECONDS`: that a test may take, 300 by default, more where `listed.ts` says so
 * - `--trace FILE`: gets a line a call, with test, exit code and arguments
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from '../support/cache.ts';
import { ensureSystemPackages, findProgram } from '../support/system.ts';
import { whenEnding } from '../support/vscode/ending.ts';
import { listed } from './listed.ts';
import { type Outcome, runTest } from './oneTest.ts';
import { setUpPrograms } from './programs.ts';
import { sourceFolder } from './source.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    real: { type: 'boolean' },
    program: { type: 'string' },
    'image-options': { type: 'string' },
    timeout: { type: 'string' },
    trace: { type: 'string' },
  },
});
const patience = options.timeout === undefined ? undefined : Number(options.timeout);
if (patience !== undefined && !(patience > 0)) {
  throw new Error(`--timeout takes seconds, not ${options.timeout}`);
}
await ensureSystemPackages(['qemu-utils', 'qemu-system-x86', 'dpkg-dev', 'python3']);
const report = (line: string): void => console.log(line);
const source = await sourceFolder(report);
const folder = testFolder();
const program = options.real === true ? findProgram('qemu-img') : options.program;
const programs = await setUpPrograms(join(folder, 'bin'), { program, trace: options.trace }, report);
const names = positionals.length > 0 ? positionals : listed.map(([name]) => name);
const surroundings = { source, folder, programs, imageOptions: options['image-options'] };
const width = Math.max(...names.map(({ length }) => length));
const logs = join(cacheFolder, 'iotests');
const outcomes: Outcome[] = [];
for (const name of names) {
  const outcome = await runTest(name, { ...surroundings, patience: patience ?? secondsOf(name) });
  outcomes.push(outcome);
  console.log(lineOf(outcome));
  keepLog(outcome);
}
tell(outcomes);

/** A folder for the time of this run. */
function testFolder(): string {
  // No `qcow2` in it: the suite takes the format's name out of what it compares.
  const made = mkdtempSync(join(tmpdir(), 'iotests-'));
  whenEnding(() => rmSync(made, { recursive: true, force: true }));
  if (!/^[\w/-]+$/.test(made)) {
    throw new Error(`QEMU's tests don't run in a folder of this name: ${made}. Set TMPDIR to another one`);
  }
  return made;
}

/** How long a test may take. */
function secondsOf(name: string): number {
  return listed.find(([one]) => one === name)?.[2] ?? 300;
}

function lineOf({ name, verdict, seconds, why }: Outcome): string {
  const about = listed.find(([one]) => one === name)?.[1] ?? '';
  return `${name.padEnd(width)} ${verdict} ${seconds.toFixed(1).padStart(6)} s  ${verdict === 'pass' ? about : why}`;
}

/** Of a test that has not passed; the one of an earlier run is no longer true. */
function keepLog({ name, verdict, log }: Outcome): void {
  const path = join(logs, `${name.replaceAll('/', '-')}.log`);
  rmSync(path, { force: true });
  if (verdict !== 'pass') {
    mkdirSync(logs, { recursive: true });
    writeFileSync(path, log);
  }
}

/** The totals. */
function tell(all: readonly Outcome[]): void {
  const having = (verdict: Outcome['verdict']): readonly Outcome[] => all.filter((one) => one.verdict === verdict);
  const bad = all.filter(({ verdict }) => verdict !== 'pass');
  const partly = having('pass').filter(({ why }) => why !== '');
  if (partly.length > 0) {
    console.log(`Passed, but with cases left out: ${partly.map(({ name }) => name).join(' ')}`);
  }
  if (bad.length > 0) {
    console.log(`Not passed: ${bad.map(({ name }) => name).join(' ')}. What they said: ${logs}`);
  }
  console.log(`${having('pass').length} passed, ${having('fail').length} failed, ${having('skip').length} skipped`);
  process.exitCode = bad.length === 0 ? 0 : 1;
}
