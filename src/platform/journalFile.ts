import {
  accessSync,
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Qcow2Error } from '../engine/error.ts';
import type { JournalPlace, WritableStorage } from '../engine/ports.ts';
import { readAt } from './fileStorage.ts';
import { readFailed, writeFailed } from './systemError.ts';
import { writeAt } from './writeAt.ts';

/** What is put after an image's path for its rollback journal. */
export const journalSuffix = '.undo-journal';

/**
 * The journal of an image beside it, or where the user wants it. It lies beside the file itself, so that it is found by
 * whichever link the image is opened.
 */
export function journalBeside(image: string, path: string = beside(image)): JournalPlace {
  // Nobody else gives a file such a name, whatever the user chose.
  const unnamed = `${path.endsWith(journalSuffix) ? path : path + journalSuffix}.new`;
  return {
    path,
    // One that is there was left by a change that never began.
    create: async () => {
      requireNoDevice(image, path);
      requireNotImage(image, path);
      return open(unnamed, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
    },
    publish: async () => {
      attempt(`rename ${unnamed}`, () => renameSync(unnamed, path));
      flushFolder(path);
    },
    open: async () => {
      requireNoOddFile(path);
      try {
        // What is found is rolled back by writing the image, not the journal.
        return open(path, constants.O_RDONLY);
      } catch (error) {
        if (error instanceof Qcow2Error && error.system === 'ENOENT') {
          return undefined;
        }
        throw error;
      }
    },
    remove: async (published) => {
      attempt(`remove ${path}`, () => rmSync(published ? path : unnamed, { force: true }));
      flushFolder(path);
    },
  };
}

function beside(image: string): string {
  try {
    return realpathSync(image) + journalSuffix;
  } catch (error) {
    throw readFailed(`find ${image}`, error);
  }
}

/**
 * Throws `write-failed`, with what to do, where no journal of so many bytes could be made at `place`. It is still found
 * out by making it; but a user who reads a preview can choose another place first.
 */
export function requireJournalRoom(image: string, { path }: JournalPlace, bytes: bigint): void {
  const what = puttingAt(path);
  requireNoDevice(image, path);
  attempt(what, () => accessSync(dirname(path), constants.W_OK));
  const { bavail, bsize } = attempt(what, () => statfsSync(dirname(path), { bigint: true }));
  if (bavail * bsize < bytes) {
    throw writeFailed(what, Object.assign(new Error('No space left on device'), { code: 'ENOSPC' }));
  }
}

/** Beside a device there is no disk that a journal could lie on. */
function requireNoDevice(image: string, path: string): void {
  const what = puttingAt(path);
  if (path === beside(image) && attempt(what, () => statSync(image)).isBlockDevice()) {
    throw new Qcow2Error(
      'write-failed',
      `Can't ${what}: the image is a device. Nothing was written. Choose a file on a disk for it (on the command line: --journal FILE).`,
    );
  }
}

/** An empty file counts as no journal, and may be the image. */
function requireNotImage(image: string, path: string): void {
  const [own, there] = [image, path].map((one) => statSync(one, { bigint: true, throwIfNoEntry: false }));
  if (own && own.ino === there?.ino && own.dev === there.dev) {
    throw new Qcow2Error(
      'write-failed',
      `Can't ${puttingAt(path)}: that is the image itself, and would be lost. Nothing was written. Choose another place.`,
    );
  }
}

/** Opening a pipe would wait for a writer; and no device is to be replaced by a journal. */
function requireNoOddFile(path: string): void {
  const kind = attempt(puttingAt(path), () => statSync(path, { throwIfNoEntry: false }));
  if (kind && !kind.isFile()) {
    throw new Qcow2Error(
      'write-failed',
      `Can't ${puttingAt(path)}: what is there is no file. Nothing was written. Choose another place.`,
    );
  }
}

function puttingAt(path: string): string {
  return `put the rollback journal at ${path}`;
}

function open(path: string, flags: number): WritableStorage {
  // What a journal holds is what the image held: nobody else's business.
  const fd = attempt(`open the rollback journal ${path}`, () => openSync(path, flags, 0o600));
  return {
    size: fstatSync(fd, { bigint: true }).size,
    read: async (at, into) => readAt(path, fd, at, into),
    write: async (at, bytes) => writeAt(path, fd, at, bytes),
    resize: async (size) => attempt(`resize ${path}`, () => ftruncateSync(fd, Number(size))),
    flush: async () => attempt(`write ${path}`, () => fdatasyncSync(fd)),
    close: async () => closeSync(fd),
  };
}

function flushFolder(path: string): void {
  const fd = attempt(`open the folder of ${path}`, () => openSync(dirname(path), constants.O_RDONLY));
  try {
    attempt(`write the folder of ${path}`, () => fsyncSync(fd));
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw writeFailed(what, error);
  }
}
