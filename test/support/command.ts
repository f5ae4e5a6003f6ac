import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { runCommand } from '../../src/cli/command.ts';
import type { ProgramResult } from './programs.ts';

/** One at a time: the folder and the outputs are the process's. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs `qcow2` with the arguments as a program would be run, but in this process, which takes milliseconds. `cwd` is the
 * folder that relative paths start from. Times are UTC. The tests of the program itself (test/cli, test/iotests) start
 * it.
 */
export function runQcow2(args: readonly string[], cwd?: string): Promise<ProgramResult> {
  const result = last.then(() => runAlone(args, cwd ?? process.cwd()));
  last = result.catch(() => undefined);
  return result;
}

async function runAlone(args: readonly string[], cwd: string): Promise<ProgramResult> {
  const before = { cwd: process.cwd(), zone: process.env.TZ };
  const written = takeOutputs();
  process.chdir(cwd);
  process.env.TZ = 'UTC';
  try {
    const code = await runCommand(args);
    return { code, stdout: written.text(1), stderr: written.text(2) };
  } finally {
    process.chdir(before.cwd);
    if (before.zone === undefined) {
      delete process.env.TZ;
    } else {
      process.env.TZ = before.zone;
    }
    written.end();
  }
}

/** Gathers what is written to stdout and stderr until it is ended. */
function takeOutputs(): { text(fd: 1 | 2): string; end(): void } {
  const { writeSync } = fs;
  const chunks = new Map<unknown, Buffer[]>([
    [1, []],
    [2, []],
  ]);
  const take = (fd: number, data: Uint8Array, from: number, length: number, position?: number): number => {
    const taken = chunks.get(fd);
    if (taken === undefined) {
      return writeSync(fd, data, from, length, position);
    }
    taken.push(Buffer.from(data.subarray(from, from + length)));
    return length;
  };
  // Every module of the program that imports it has it by this.
  fs.writeSync = take as typeof writeSync;
  syncBuiltinESMExports();
  return {
    text: (fd) => Buffer.concat(chunks.get(fd) ?? []).toString(),
    end: () => {
      fs.writeSync = writeSync;
      syncBuiltinESMExports();
    },
  };
}
