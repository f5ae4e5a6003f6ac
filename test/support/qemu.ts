import { execute, type ProgramResult } from './programs.ts';
import { findProgram, installCommand } from './system.ts';

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
export async function runProgram(program: string, args: readonly string[], cwd?: string): Promise<ProgramResult> {
  try {
    return await execute(findProgram(program) ?? program, args, cwd);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      reason === 'ENOENT'
        ? `${program} is not installed; install it with: ${installCommand([packages[program] ?? program])}`
        : `${program} ${args.join(' ')}: ${reason}`,
    );
  }
}

async function succeed(program: string, args: readonly string[], cwd?: string): Promise<ProgramResult> {
  const result = await runProgram(program, args, cwd);
  if (result.code !== 0) {
    throw new Error(`${program} ${args.join(' ')}: exit ${result.code}: ${result.stderr.trim()}`);
  }
  return result;
}
