import { execFile } from 'node:child_process';
import { constants } from 'node:os';
import { findProgram, installCommand } from './system.ts';

/** What a program said. */
export interface ProgramResult {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Debian packages of the programs that are run here. */
const packages: Readonly<Record<string, string>> = {
  'qemu-img': 'qemu-utils',
  'qemu-io': 'qemu-utils',
  'mkfs.ext4': 'e2fsprogs',
};

/** Runs qemu-img; throws when it fails. `cwd` is the folder that relative paths start from. Returns its stdout. */
export async function qemuImg(args: readonly string[], cwd?: string): Promise<string> {
  return (await succeed('qemu-img', args, cwd)).stdout;
}

/** Whether qemu-img and qemu-io are there. */
export function hasQemu(): boolean {
  return findProgram('qemu-img') !== undefined && findProgram('qemu-io') !== undefined;
}

/**
 * Runs a program without a shell, whatever its exit code; throws only when it can't be started. Times are UTC and
 * messages English.
 */
export function runProgram(program: string, args: readonly string[], cwd?: string): Promise<ProgramResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  const options = { cwd, maxBuffer: Number.POSITIVE_INFINITY, env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } };
  const child = execFile(findProgram(program) ?? program, args, options, (error, stdout, stderr) => {
    if (error && 'code' in error && error.code === 'ENOENT') {
      reject(
        new Error(`${program} is not installed; install it with: ${installCommand([packages[program] ?? program])}`),
      );
    } else if (child.exitCode === null && child.signalCode === null) {
      reject(new Error(`${program} ${args.join(' ')}: ${error?.message ?? 'did not run'}`));
    } else {
      const code = child.signalCode ? 128 + constants.signals[child.signalCode] : (child.exitCode ?? 0);
      resolve({ code, stdout, stderr });
    }
  });
  child.stdin?.end();
  return promise;
}

async function succeed(program: string, args: readonly string[], cwd?: string): Promise<ProgramResult> {
  const result = await runProgram(program, args, cwd);
  if (result.code !== 0) {
    throw new Error(`${program} ${args.join(' ')}: exit ${result.code}: ${result.stderr.trim()}`);
  }
  return result;
}
