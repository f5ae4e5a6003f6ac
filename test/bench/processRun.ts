import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A program with its arguments. */
export type Command = readonly [program: string, ...args: string[]];

const peakMemory = fileURLToPath(new URL('peakMemory.cjs', import.meta.url));

/** Milliseconds from starting a process to its end; what it prints goes to /dev/null. Throws when it fails. */
export async function timeProcess([program, ...args]: Command): Promise<number> {
  const nowhere = await open('/dev/null', 'w');
  try {
    const started = performance.now();
    await ended(spawn(program, args, { stdio: ['ignore', nowhere.fd, nowhere.fd] }), program);
    return performance.now() - started;
  } finally {
    await nowhere.close();
  }
}

/** The most memory that a Node program held, in bytes (VmHWM of /proc/self/status when it ends). */
export async function peakMemoryOf(script: string, args: readonly string[]): Promise<number> {
  const nowhere = await open('/dev/null', 'w');
  try {
    const child = spawn(process.execPath, ['--require', peakMemory, script, ...args], {
      stdio: ['ignore', nowhere.fd, nowhere.fd, 'pipe'],
    });
    let said = '';
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await ended(child, script);
    return Number(said) * 1024;
  } finally {
    await nowhere.close();
  }
}

/** The SHA-256 of what a process prints, and of what it tells as errors. */
export async function hashOfOutput([program, ...args]: Command): Promise<string> {
  const hash = createHash('sha256');
  const errors = createHash('sha256');
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.update(chunk));
  await ended(child, program);
  return hash.digest('hex') + errors.digest('hex');
}

/** Of `check`: nothing was found, corruptions, leaks. */
const exitStatuses: readonly (number | null)[] = [0, 2, 3];

function ended(child: ReturnType<typeof spawn>, program: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.on('error', reject);
  child.on('close', (code, signal) => {
    if (exitStatuses.includes(code)) {
      resolve();
    } else {
      reject(new Error(`${program} ended with ${signal ?? code}`));
    }
  });
  return promise;
}
