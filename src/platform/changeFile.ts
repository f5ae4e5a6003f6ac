import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync, statfsSync, statSync } from 'node:fs';
import { Qcow2Error } from '../engine/error.ts';
import type { ImageStorage } from '../engine/ports.ts';
import { allocateBlocks } from './blocks.ts';
import { deviceSize } from './deviceSize.ts';
import { fileState, readAt } from './fileStorage.ts';
import { type FileLock, fallocate, fileLock as nativeLock, punchHole, seek } from './native.ts';
import { lockForWriting } from './qemuLocks.ts';
import { seekExtents } from './seek.ts';
import { openToChangeFailed, writeFailed } from './systemError.ts';
import { writeAt } from './writeAt.ts';

/** An image's file that is opened to be changed, and locked as QEMU locks it. */
export interface ChangeFile extends ImageStorage {
  readonly path: string;
  readonly identity: string;
  /** False where no lock could be taken: this system, or this build, has none. */
  readonly locked: boolean;
}

/**
 * Opens a file or block device for reading and writing, and takes QEMU's locks, so that no VM starts on it meanwhile.
 * Nothing is ever created.
 *
 * @param lock - how bytes are locked; by default what this system offers
 * @throws `Qcow2Error` `write-failed` with the system's code, `in-use` where another process holds the image
 */
export async function openToChange(path: string, lock: FileLock | undefined = nativeLock): Promise<ChangeFile> {
  const opening = (error: unknown): Qcow2Error => openToChangeFailed(path, error);
  const kind = attempt(opening, () => statSync(path));
  if (!kind.isFile() && !kind.isBlockDevice()) {
    throw new Qcow2Error('write-failed', `Can't open ${path} for writing: it is no regular file and no block device.`, {
      system: kind.isDirectory() ? 'EISDIR' : 'EINVAL',
    });
  }
  const fd = attempt(opening, () => openSync(path, constants.O_RDWR));
  try {
    const locked = await lockForWriting(path, fd, lock);
    return changeFile(path, fd, locked);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function changeFile(path: string, fd: number, locked: boolean): ChangeFile {
  const stat = fstatSync(fd, { bigint: true });
  const by = seek;
  const fixedSize = !stat.isFile();
  const size = fixedSize ? deviceSize(stat.rdev, (at, into) => readAt(path, fd, at, into)) : stat.size;
  return {
    path,
    locked,
    identity: `${stat.dev}:${stat.ino}`,
    size,
    fixedSize,
    allocated: stat.blocks * 512n,
    read: async (at, into) => readAt(path, fd, at, into),
    ...(by && { extents: (from: bigint, to: bigint) => seekExtents(by, fd, from, to) }),
    write: async (at, bytes) => writeAt(path, fd, at, bytes),
    resize: async (wanted) =>
      fixedSize
        ? keepDevice(path, size, wanted)
        : attempt(writing(`resize ${path}`), () => ftruncateSync(fd, Number(wanted))),
    flush: async () => attempt(writing(`write ${path}`), () => fdatasyncSync(fd)),
    state: async () => fileState(fd, size),
    free: async () => {
      if (fixedSize) {
        return 0n;
      }
      const { bavail, bsize } = statfsSync(path, { bigint: true });
      return bavail * bsize;
    },
    allocate: (at, length, written, progress) =>
      allocateBlocks({ path, fd }, { at, length, written }, fallocate, progress),
    // A file system that has no holes keeps the blocks.
    discard: async (at, length) => void punchHole?.(fd, at, length),
    close: async () => closeSync(fd),
  };
}

/** A device stays as long as it is: what is written ends before. Throws `write-failed` where it doesn't. */
function keepDevice(path: string, size: bigint, wanted: bigint): void {
  if (wanted > size) {
    throw writeFailed(
      `write ${wanted} bytes to ${path}, which has ${size}`,
      Object.assign(new Error('No space left on device'), { code: 'ENOSPC' }),
    );
  }
}

function writing(what: string): (error: unknown) => Qcow2Error {
  return (error) => writeFailed(what, error);
}

/** `failed`: says what went wrong. */
function attempt<T>(failed: (error: unknown) => Qcow2Error, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw failed(error);
  }
}
