/**
 * `npm test`: runs the parts of the test suite, two at a time, prints the time of each, and ends with a line
 * `N passed, N failed`. `npm test -- unit cli` runs only the parts named.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { ensureSystemPackages } from './system.ts';

/** A part: mocha on some files, or a command that prints mocha's closing lines. */
interface Part {
  readonly name: string;
  readonly command: readonly string[];
  /** Seconds after which the part counts as hung. */
  readonly guard: number;
  /** Runs in a browser. */
  readonly browser?: boolean;
}

const mocha = (name: string, files: readonly string[], { guard = 2700, retries = 0 } = {}): Part => ({
  name,
  command: ['mocha', '--forbid-only', '--forbid-pending', '--retries', String(retries), '--reporter', 'dot', ...files],
  guard,
});

const parts: readonly Part[] = [
  mocha('lint', ['test/support/**/*.test.ts']),
  mocha('unit', ['test/{engine,platform,protocol,worker,editor,commands}/**/*.test.ts']),
  mocha('cli', ['test/cli/**/*.test.ts']),
  // Twice, since QEMU's programs themselves fail now and then on a busy machine; a defect fails twice.
  mocha('interop', ['test/interop/**/*.test.ts'], { retries: 1 }),
  mocha('crash', ['test/crash/**/*.test.ts']),
  mocha('iotests', ['test/iotests/**/*.test.ts']),
  mocha('fuzz', ['test/fuzz/**/*.test.ts']),
  mocha('bench counts', ['test/bench/**/*.test.ts']),
  // Twice, as a page may be kept waiting by a busy machine; a defect fails twice.
  { ...mocha('webview', ['test/webview/**/*.test.ts'], { retries: 1 }), browser: true },
  { name: 'host', command: ['node', 'test/support/vscode/runHostTests.ts'], guard: 2700, browser: true },
];

/** What one part came to. */
interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0) {
  throw new Error(`No such part: ${unknown.join(', ')}. There are: ${parts.map((part) => part.name).join(', ')}`);
}
await ensureSystemPackages();
if (!existsSync('dist/cli.js')) {
  throw new Error('dist/ is not built. Run: npm run build');
}
/** The parts that run, each a group of processes of its own: browsers and QEMU's programs are among them. */
const running = new Set<ChildProcess>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(128 + constants.signals[signal]);
  });
}
const chosen = parts.filter((one) => wanted.length === 0 || wanted.includes(one.name));
const began = Date.now();
// Two at a time: those in a browser wait much, the others compute. Who is done first helps with the others.
const browserParts = chosen.filter(({ browser }) => browser === true);
const otherParts = chosen.filter(({ browser }) => browser !== true);
const lanes = [runInTurn(() => otherParts.shift()), runInTurn(() => browserParts.shift() ?? otherParts.pop())];
const outcomes = (await Promise.all(lanes)).flat();
report(outcomes, (Date.now() - began) / 1000);

/** Runs what `next` gives, until it gives nothing more. */
async function runInTurn(next: () => Part | undefined): Promise<Outcome[]> {
  const ended: Outcome[] = [];
  for (let part = next(); part; part = next()) {
    ended.push(await run(part));
  }
  return ended;
}

/** Runs a part; its output is shown when it has ended, and read for mocha's closing lines. */
function run(part: Part): Promise<Outcome> {
  console.log(`${part.name} …`);
  const started = Date.now();
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const [program = '', ...args] = part.command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  let said = '';
  const hear = (chunk: Buffer): void => {
    said += chunk.toString();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const guard = setTimeout(() => {
    said += `${part.name} did not end within ${part.guard} s\n`;
    endGroup(child);
  }, part.guard * 1000);
  child.on('error', reject);
  child.on('close', (code) => {
    clearTimeout(guard);
    running.delete(child);
    console.log(`\n== ${part.name}\n${said}`);
    const passed = count(said, 'passing');
    const failed = count(said, 'failing') + count(said, 'pending');
    // A part that runs no test, or dies without naming a failure, has failed.
    const broken = (code !== 0 && failed === 0) || passed + failed === 0;
    resolve({ name: part.name, passed, failed: failed + Number(broken), seconds: (Date.now() - started) / 1000 });
  });
  return promise;
}

/** Ends a part with all that it has started. */
function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) {
    process.kill(-pid, 'SIGKILL');
  }
}

/** The sum of mocha's closing lines such as `  12 passing (34ms)`. */
function count(said: string, word: string): number {
  return [...said.matchAll(new RegExp(`^\\s*(\\d+) ${word}\\b`, 'gm'))].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
}

/** `seconds`: of the whole run, which is less than the sum of its parts. */
function report(all: readonly Outcome[], seconds: number): void {
  const sum = (of: (outcome: Outcome) => number): number => all.reduce((total, outcome) => total + of(outcome), 0);
  console.log('');
  for (const { name, passed, failed, seconds } of all) {
    console.log(
      `${name.padEnd(14)} ${String(passed).padStart(5)} ok ${String(failed).padStart(3)} not ${seconds.toFixed(1).padStart(7)} s`,
    );
  }
  console.log(`${'all'.padEnd(14)} ${seconds.toFixed(1)} s\n`);
  console.log(`${sum((one) => one.passed)} passed, ${sum((one) => one.failed)} failed`);
  process.exitCode = sum((one) => one.failed) === 0 ? 0 : 1;
}
