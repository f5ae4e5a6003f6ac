import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { Qcow2Error } from '../engine/error.ts';
import type { NewFile, Progress } from '../engine/ports.ts';
import { writeAt } from './changeFile.ts';
import { fallocate as nativeFallocate } from './native.ts';
import { writeFailed } from './systemError.ts';

/** Has the system give blocks to a range of an open file, in bytes; returns the system's code where it fails. */
export type Fallocate = (fd: number, at: bigint, length: bigint) => string | undefined;

/** A file that is being made, on this machine. */
export interface NewDiskFile extends NewFile {
  readonly path: string;
  /** Device and inode. */
  readonly identity: string;
  close(): Promise<void>;
}

/** Bytes of zeros that are written at once. */
const zeroBytes = 2 ** 20;

/**
 * Makes a file, or empties the one that is there.
 *
 * @param exclusive - fail with EEXIST where there is one
 * @param fallocate - how blocks are allocated; by default what this system offers
 * @throws `Qcow2Error` `write-failed` with the system's code
 */
export async function makeFile(
  path: string,
  { exclusive = false, fallocate = nativeFallocate }: { exclusive?: boolean; fallocate?: Fallocate | undefined } = {},
): Promise<NewDiskFile> {
  const fd = attempt(`create ${path}`, () => openSync(path, exclusive ? 'wx+' : 'w+', 0o644));
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return {
    path,
    identity: `${dev}:${ino}`,
    write: async (at, bytes) => writeAt(path, fd, at, bytes),
    resize: async (size) => attempt(`resize ${path}`, () => ftruncateSync(fd, Number(size))),
    allocate: async (at, length, written, progress) =>
      written ? writeZeros(path, fd, at, length, progress) : allocate(path, fd, at, length, fallocate),
    flush: async () => attempt(`write ${path}`, () => fdatasyncSync(fd)),
    close: async () => closeSync(fd),
  };
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw writeFailed(what, error);
  }
}

async function writeZeros(path: string, fd: number, at: bigint, length: bigint, progress: Progress): Promise<void> {
  const zeros = new Uint8Array(zeroBytes);
  for (let done = 0n; done < length; done += BigInt(zeroBytes)) {
    const left = length - done;
    writeAt(path, fd, at + done, left < BigInt(zeroBytes) ? zeros.subarray(0, Number(left)) : zeros);
    await progress.step(Number(done / BigInt(zeroBytes)), Number(length / BigInt(zeroBytes)));
  }
}

function allocate(path: string, fd: number, at: bigint, length: bigint, fallocate: Fallocate | undefined): void {
  if (fallocate === undefined) {
    throw new Qcow2Error(
      'not-supported',
      `Can't allocate blocks for ${path}: this system, or this build, has no way to. Use preallocation=full or metadata.`,
      { system: 'EOPNOTSUPP' },
    );
  }
  const system = fallocate(fd, at, length);
  if (system !== undefined) {
    throw new Qcow2Error('write-failed', `Can't allocate ${length} bytes for ${path}: ${system}.`, { system });
  }
}
