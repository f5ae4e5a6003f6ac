import { Qcow2Error } from '../engine/error.ts';

/** What a person can do about a system error, by the system's code. */
const advice: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file. Check the path; it may have been moved or deleted.',
  ENOTDIR: 'A part of the path is a file, not a folder. Check the path.',
  EACCES: 'You may not read it. Change its permissions or start as a user who may, then retry.',
  EPERM: 'You may not read it. Change its permissions or start as a user who may, then retry.',
  EISDIR: 'It is a folder. Choose a file in it.',
  ELOOP: 'Its symbolic links lead in a circle.',
  EMFILE: 'Too many files are open. Close some, then retry.',
  ENAMETOOLONG: 'The path is too long.',
  EIO: 'The disk reported a read error. Copy the file away with a tool that skips bad sectors (ddrescue).',
  ENXIO: 'The device is not there.',
  ENOMEDIUM: 'There is no medium in the drive.',
  ESTALE: 'The network file has gone. Reload it.',
  ETIMEDOUT: 'The file server does not answer. Retry later.',
};

/** What a person can do about a failed write. */
const writeAdvice: Readonly<Record<string, string>> = {
  ...advice,
  EACCES: 'You may not write there. Choose another folder, or change its permissions.',
  EPERM: 'You may not write there. Choose another folder, or change its permissions.',
  ENOENT: 'The folder is not there. Make it, or choose another.',
  ENOSPC: 'The disk is full. Free some space or choose another disk.',
  EDQUOT: 'Your share of the disk is used up. Free some space or choose another disk.',
  EROFS: 'The file system is read-only. Choose another folder.',
  EFBIG: 'The file system can’t hold a file of that size.',
  EEXIST: 'There is a file of that name already.',
  EIO: 'The disk reported a write error.',
};

/** What a person can do where a file that is there can't be opened to be written. */
const changeAdvice: Readonly<Record<string, string>> = {
  ...writeAdvice,
  EACCES: 'You may not write to it. Change its permissions, or copy it to where you may.',
  EPERM: 'You may not write to it. Change its permissions, or copy it to where you may.',
  ENOENT: 'There is no such file (any more). Check the path; it may have been moved or deleted.',
  EROFS: 'The file system is read-only. Copy the file to another one, and change it there.',
};

/** The system's code of an error thrown by `node:fs`, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * An error of `node:fs` as a `read-failed` error that says what happened, where, and what to do.
 *
 * @param what - the failed act, such as `open /images/a.qcow2`
 * @param at - host offset in bytes, for a read
 */
export function readFailed(what: string, error: unknown, at?: bigint): Qcow2Error {
  return failed('read-failed', what, error, advice, at);
}

/** The same for a failed write, as a `write-failed` error. */
export function writeFailed(what: string, error: unknown, at?: bigint): Qcow2Error {
  return failed('write-failed', what, error, writeAdvice, at);
}

/** The same for a file that can't be opened to be changed. */
export function openToChangeFailed(path: string, error: unknown): Qcow2Error {
  return failed('write-failed', `open ${path} for writing`, error, changeAdvice, undefined);
}

function failed(
  code: 'read-failed' | 'write-failed',
  what: string,
  error: unknown,
  hints: Readonly<Record<string, string>>,
  at: bigint | undefined,
): Qcow2Error {
  const system = systemCode(error);
  const reason = error instanceof Error ? error.message : String(error);
  const told = system === undefined ? reason : `${system}. ${hints[system] ?? reason}`;
  return new Qcow2Error(code, `Can't ${what}: ${told}`, {
    ...(at === undefined ? {} : { at }),
    ...(system === undefined ? {} : { system }),
  });
}
