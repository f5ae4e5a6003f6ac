import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The command line as it is built: it starts several times as fast as the sources. */
export const cliFile: string = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `qcow2` with the arguments. `file`: another name of the program, such as a link to it. */
export function runCli(args: readonly string[], file: string = cliFile): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return { code: status, out: stdout, err: stderr };
}

/** Starts `qcow2` with its output in a pipe. */
export function startCli(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cliFile, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}
