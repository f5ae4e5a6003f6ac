import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { Qcow2Error } from '../engine/error.ts';
import { writeFailed } from './systemError.ts';

/** What is written into a file that is being saved. */
export interface SavedFile {
  /** Writes bytes at an offset of the new file; what is never written is a hole. */
  write(at: bigint, bytes: Uint8Array): void;
}

/**
 * Writes a new file of `size` bytes beside the wanted one, and gives it its name once `fill` has ended: until then, and
 * whenever that fails, nothing is at `path` but what was there before.
 *
 * @param kept - device and inode of files that must not be replaced
 * @throws `Qcow2Error`: `bad-argument` for a file that must be kept, `write-failed` with the system's code, and what
 *   `fill` throws
 */
export async function saveFile(
  path: string,
  size: bigint,
  kept: ReadonlySet<string>,
  fill: (file: SavedFile) => Promise<void>,
): Promise<void> {
  refuseKept(path, kept);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Qcow2Error(
      'write-failed',
      `${path} would have ${size} bytes: a file of 2^53 bytes or more is not written.`,
    );
  }
  const part = `${path}.${randomBytes(6).toString('hex')}.part`;
  const fd = attempt(`create ${part}`, () => openSync(part, 'wx', 0o644));
  try {
    try {
      attempt(`write ${part}`, () => ftruncateSync(fd, Number(size)));
      await fill({ write: (at, bytes) => writeAll(fd, part, at, bytes) });
      attempt(`write ${part}`, () => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
    refuseKept(path, kept);
    attempt(`save ${path}`, () => renameSync(part, path));
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function refuseKept(path: string, kept: ReadonlySet<string>): void {
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (there && kept.has(`${there.dev}:${there.ino}`)) {
    throw new Qcow2Error('bad-argument', `${path} is the image, or a file that it is based on. Choose another name.`);
  }
}

function writeAll(fd: number, path: string, at: bigint, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += attempt(`write ${path}`, () => writeSync(fd, bytes, done, bytes.length - done, Number(at) + done));
  }
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw writeFailed(what, error);
  }
}
