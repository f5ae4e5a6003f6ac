import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { Qcow2Error } from '../engine/error.ts';
import type { FileState, HostExtent, Storage } from '../engine/ports.ts';
import { deviceSize } from './deviceSize.ts';
import { seek as nativeSeek } from './native.ts';
import { type Seek, seekExtents } from './seek.ts';
import { readFailed } from './systemError.ts';

/** A host file or block device, opened for reading. */
export interface FileStorage extends Storage {
  readonly path: string;
  /** Device and inode: the same for every name of one file. */
  readonly identity: string;
  /** False for a block device. */
  readonly regular: boolean;
  /** The file as it is now, for a change to be planned. */
  state(): Promise<FileState>;
}

/** The largest position that the system takes (off_t). */
const lastPosition = 2n ** 63n - 1n;

/**
 * Opens a regular file or a block device read-only; nothing is ever created or written.
 *
 * @param path - as the user gave it
 * @param seek - how holes are found; by default what this system offers
 * @throws `Qcow2Error` `read-failed` with the system's code: no such file, no permission, a folder (EISDIR), a pipe,
 *   socket or character device (EINVAL)
 */
export async function openFile(path: string, seek: Seek | undefined = nativeSeek): Promise<FileStorage> {
  // Looked at before it is opened: opening a pipe waits for its writer, opening some devices does something.
  refuseOddFiles(
    path,
    attempt(path, () => statSync(path, { bigint: true })),
  );
  const fd = attempt(path, () => openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)));
  try {
    const stat = attempt(path, () => fstatSync(fd, { bigint: true }));
    refuseOddFiles(path, stat);
    const size = stat.isFile() ? stat.size : deviceSize(stat.rdev, (at, into) => readAt(path, fd, at, into));
    return fileStorage(path, fd, stat, size, seek);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw readFailed(`open ${path}`, error);
  }
}

function refuseOddFiles(path: string, stat: BigIntStats): void {
  if (stat.isDirectory()) {
    throw new Qcow2Error('read-failed', `Can't open ${path}: EISDIR. It is a folder. Choose a file in it.`, {
      system: 'EISDIR',
    });
  }
  if (!stat.isFile() && !stat.isBlockDevice()) {
    const kind = stat.isFIFO() ? 'a pipe' : stat.isSocket() ? 'a socket' : 'a character device';
    throw new Qcow2Error(
      'read-failed',
      `Can't open ${path}: EINVAL. It is ${kind}. Only regular files and block devices hold images.`,
      { system: 'EINVAL' },
    );
  }
}

function fileStorage(path: string, fd: number, stat: BigIntStats, size: bigint, seek: Seek | undefined): FileStorage {
  let open = true;
  const requireOpen = (): void => {
    if (!open) {
      // The system may have given the number of the handle to another file.
      throw new Qcow2Error('read-failed', `${path} was closed, to be opened again. Retry.`, { system: 'EBADF' });
    }
  };
  const extents = (from: bigint, to: bigint, by: Seek): Iterable<HostExtent> => {
    requireOpen();
    return seekExtents(by, fd, from, to);
  };
  return {
    path,
    identity: `${stat.dev}:${stat.ino}`,
    regular: stat.isFile(),
    size,
    allocated: stat.blocks * 512n,
    read: async (at, into) => {
      requireOpen();
      return readAt(path, fd, at, into);
    },
    ...(stat.isFile() ? {} : { fixedSize: true }),
    ...(seek && { extents: (from: bigint, to: bigint) => extents(from, to, seek) }),
    state: async () => {
      requireOpen();
      return fileState(fd, size);
    },
    close: async () => {
      if (open) {
        open = false;
        closeSync(fd);
      }
    },
  };
}

/**
 * What tells an open file from what it was.
 *
 * @param deviceBytes - what there is of it where it is a block device, of which fstat tells no size
 */
export function fileState(fd: number, deviceBytes: bigint): FileState {
  const stat = fstatSync(fd, { bigint: true });
  const { dev, ino, mtimeNs, ctimeNs } = stat;
  const size = stat.isFile() ? stat.size : deviceBytes;
  return { identity: `${dev}:${ino}`, size, modified: mtimeNs, changed: ctimeNs };
}

/** Fills `into` from host offset `at`; returns the bytes read, fewer only at the end of the file. Throws `read-failed`. */
export function readAt(path: string, fd: number, at: bigint, into: Uint8Array): number {
  let done = 0;
  while (done < into.length) {
    const position = at + BigInt(done);
    if (position > lastPosition) {
      break;
    }
    let count: number;
    try {
      count = readSync(fd, into, done, into.length - done, position);
    } catch (error) {
      // What came before the bad sector was returned by an earlier call, so `position` is where it begins.
      throw readFailed(`read ${path} at offset 0x${position.toString(16)}`, error, position);
    }
    if (count === 0) {
      break;
    }
    done += count;
  }
  return done;
}
