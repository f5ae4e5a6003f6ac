import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { whenEnding } from '../support/vscode/ending.ts';
import { killGroup } from '../support/vscode/install.ts';
import type { Programs } from './programs.ts';

/** What tests are run in and with. */
export interface Surroundings {
  /** QEMU's source: `sourceFolder`. */
  readonly source: string;
  /** An existing folder for the files of the tests. */
  readonly folder: string;
  readonly programs: Programs;
  /** Options for all images, such as `compat=0.10`. */
  readonly imageOptions?: string | undefined;
  /** Seconds that a test may take. */
  readonly patience: number;
}

/** What a test came to. One that skips itself has not passed: some do so when qemu-img fails. */
export interface Outcome {
  readonly name: string;
  readonly verdict: 'pass' | 'fail' | 'skip';
  readonly seconds: number;
  /** The reason for a verdict that is not `pass`; otherwise empty, or which cases were left out. */
  readonly why: string;
  /** All that was said, with the difference from what was expected. */
  readonly log: string;
}

/** Runs one test of QEMU's suite, and ends all that it leaves running. */
export async function runTest(name: string, surroundings: Surroundings): Promise<Outcome> {
  const files = join(surroundings.folder, 'test');
  // Not in the other: the suite puts a word of its own for each where it compares.
  const sockets = join(surroundings.folder, 'sock');
  mkdirSync(files);
  mkdirSync(sockets);
  const started = Date.now();
  try {
    const said = await runCheck(name, surroundings, { files, sockets });
    const seconds = (Date.now() - started) / 1000;
    return { name, seconds, ...judge(name, said, files), log: `${said.text}\n${left(files, `${name}.out.bad`)}` };
  } finally {
    rmSync(files, { recursive: true });
    rmSync(sockets, { recursive: true });
  }
}

/** What `check` said, and whether it came to its end. */
interface Said {
  readonly text: string;
  readonly late: boolean;
}

function judge(name: string, { text, late }: Said, files: string): Pick<Outcome, 'verdict' | 'why'> {
  const line = text.split('\n').find((one) => /^(not )?ok qcow2 /.test(one)) ?? '';
  if (late) {
    return { verdict: 'fail', why: 'took too long' };
  }
  if (line === `ok qcow2 ${name} # SKIP`) {
    return { verdict: 'skip', why: left(files, `${name}.notrun`) };
  }
  if (line === `ok qcow2 ${name}`) {
    return { verdict: 'pass', why: left(files, `${name}.casenotrun`) };
  }
  return { verdict: 'fail', why: line === '' ? `did not run: ${text.trim().split('\n').at(-1)}` : 'other output' };
}

/** A file that the test has left, on one line. */
function left(files: string, file: string): string {
  const path = join(files, file);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}

/** Runs QEMU's own runner for one test; it prints the difference from what is expected to stderr. */
function runCheck(
  name: string,
  { source, programs, imageOptions, patience, folder }: Surroundings,
  { files, sockets }: { readonly files: string; readonly sockets: string },
): Promise<Said> {
  const { promise, resolve, reject } = Promise.withResolvers<Said>();
  const check = ['/usr/bin/python3', './check', '-tap', '-qcow2'];
  const options = imageOptions === undefined ? [] : ['-o', imageOptions];
  const [program, ...args] = [...programs.covered, ...check, ...options, name];
  // Known by this, whatever group and parent they have.
  const tag = `IOTESTS_TAG=${folder}`;
  const child = spawn(program, args, {
    cwd: join(source, 'tests/qemu-iotests'),
    env: {
      ...programs.environment,
      TMPDIR: files,
      TEST_DIR: files,
      SOCK_DIR: sockets,
      IOTESTS_NAME: name,
      IOTESTS_TAG: folder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = whenEnding(() => {
    killGroup(child.pid);
    killTagged(tag);
  });
  let text = '';
  let late = false;
  const hear = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const guard = setTimeout(() => {
    late = true;
    end();
  }, patience * 1000);
  child.on('error', reject);
  // What it leaves running may hold its output open: not its end is waited for.
  child.on('exit', () => {
    clearTimeout(guard);
    end();
  });
  child.on('close', () => resolve({ text, late }));
  return promise;
}

/** Kills the processes that have these words in their environment. */
function killTagged(words: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (environmentOf(pid).split('\0').includes(words)) {
      killProcess(Number(pid));
    }
  }
}

/** Empty for a process that has ended, and for one that is none of ours. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code))) {
      return '';
    }
    throw error;
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
