import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import type { NewFile } from '../engine/ports.ts';
import { allocateBlocks, type Fallocate } from './blocks.ts';
import { fallocate as nativeFallocate } from './native.ts';
import { writeFailed } from './systemError.ts';
import { writeAt } from './writeAt.ts';

/** A file that is being made, on this machine. */
export interface NewDiskFile extends NewFile {
  readonly path: string;
  /** Device and inode. */
  readonly identity: string;
  close(): Promise<void>;
}

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
    allocate: (at, length, written, progress) =>
      allocateBlocks({ path, fd }, { at, length, written }, fallocate, progress),
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
