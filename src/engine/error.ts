/** Why the engine could not go on. What is wrong *in an image* is a finding, not an error. */
export type ErrorCode =
  /** The system failed to read the file; `system` holds its code, such as EIO. */
  | 'read-failed'
  /** The system failed to write the file; `system` holds its code, such as ENOSPC. */
  | 'write-failed'
  /** The walk was stopped by its caller. */
  | 'cancelled'
  /** A length in the image is beyond `limits.ts`. */
  | 'too-large'
  /** The image has not got what was asked for. */
  | 'not-found'
  /** The image is too damaged for this question. */
  | 'damaged'
  /** The engine can't do this (yet); the message says what. */
  | 'not-supported'
  /** An argument of the caller is wrong. */
  | 'bad-argument'
  /** A compressed stream is broken. */
  | 'bad-stream'
  /** It needs the user's word, or a trusted workspace. */
  | 'not-allowed'
  /** The image must not be changed as it is; the message says why, and what would help. */
  | 'refused'
  /** The file is not what it was when a change was planned, or recorded. */
  | 'changed-since'
  /** Another process holds the image. */
  | 'in-use'
  /** A rollback journal is there already. */
  | 'journal-exists';

/** The one error class of the engine. `message` says what happened, where, and what to do. */
export class Qcow2Error extends Error {
  readonly code: ErrorCode;
  /** Host offset in bytes, where there is one. */
  readonly at: bigint | undefined;
  /** The system's own code, such as `EIO`. */
  readonly system: string | undefined;
  /** What qemu-img says in this case, where it says something. */
  readonly qemu: string | undefined;

  constructor(code: ErrorCode, message: string, place: { at?: bigint; system?: string; qemu?: string } = {}) {
    super(message);
    this.name = 'Qcow2Error';
    this.code = code;
    this.at = place.at;
    this.system = place.system;
    this.qemu = place.qemu;
  }
}

/** The system's own texts (strerror) for the codes that reading a file can give. */
const systemTexts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EINVAL: 'Invalid argument',
  EISDIR: 'Is a directory',
  EIO: 'Input/output error',
  ELOOP: 'Too many levels of symbolic links',
  EEXIST: 'File exists',
  EFBIG: 'File too large',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENODATA: 'No data available',
  ENOENT: 'No such file or directory',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  EOPNOTSUPP: 'Operation not supported',
  ENXIO: 'No such device or address',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  ESTALE: 'Stale file handle',
  ETIMEDOUT: 'Connection timed out',
};

/** The text that the system, and so QEMU, gives for an error code such as `EIO`; an unknown code as it is. */
export function systemText(code: string | undefined): string {
  return code === undefined ? 'Input/output error' : (systemTexts[code] ?? code);
}
