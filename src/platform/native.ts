import { createRequire } from 'node:module';
import type { Fallocate } from './blocks.ts';
import type { Seek } from './seek.ts';

/** `SEEK_DATA` of lseek(2) on Linux. */
const seekData = 3;
/** `SEEK_HOLE` of lseek(2) on Linux. */
const seekHole = 4;

type Koffi = typeof import('koffi');

let loadedSeek: Seek | undefined;
let loadedFallocate: Fallocate | undefined;
let loadedPunchHole: Fallocate | undefined;

/**
 * lseek(2) with SEEK_DATA and SEEK_HOLE, which Node has not got, through koffi. Undefined on other systems than Linux.
 * Nothing is loaded before the first call of the result.
 */
export const seek: Seek | undefined =
  process.platform !== 'linux'
    ? undefined
    : (fd, from, to) => {
        loadedSeek ??= loadSeek();
        return loadedSeek(fd, from, to);
      };

/** posix_fallocate(3), likewise. */
export const fallocate: Fallocate | undefined =
  process.platform !== 'linux'
    ? undefined
    : (fd, at, length) => {
        loadedFallocate ??= loadFallocate();
        return loadedFallocate(fd, at, length);
      };

/** fallocate(2) with FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE of Linux, likewise: takes the blocks of a range away. */
export const punchHole: Fallocate | undefined =
  process.platform !== 'linux'
    ? undefined
    : (fd, at, length) => {
        loadedPunchHole ??= loadPunchHole();
        return loadedPunchHole(fd, at, length);
      };

/** Locks on single bytes of an open file, which end when it is closed (OFD locks of fcntl(2) on Linux). */
export interface FileLock {
  /**
   * Takes a shared lock on a byte. `held`: another open file has it alone; `unavailable`: the system or the file system
   * has no such locks.
   */
  share(fd: number, byte: number): 'taken' | 'held' | 'unavailable';
  /** Whether another open file has a lock on a byte. */
  isHeldByOthers(fd: number, byte: number): boolean;
}

/** `F_OFD_GETLK` and `F_OFD_SETLK` of fcntl(2) on Linux, and the types of its locks. */
const ofdGetLock = 36;
const ofdSetLock = 37;
const readLock = 0;
const writeLock = 1;
const unlocked = 2;

let loadedFcntl: Fcntl | undefined;

/** Returns the system's code where it fails. */
type Fcntl = (fd: number, command: number, lock: Buffer) => string | undefined;

/** OFD locks, likewise. */
export const fileLock: FileLock | undefined =
  process.platform !== 'linux'
    ? undefined
    : {
        share: (fd, byte) => {
          const failure = fcntl(fd, ofdSetLock, flock(readLock, byte));
          return failure === undefined ? 'taken' : ['EAGAIN', 'EACCES'].includes(failure) ? 'held' : 'unavailable';
        },
        isHeldByOthers: (fd, byte) => {
          const lock = flock(writeLock, byte);
          return fcntl(fd, ofdGetLock, lock) === undefined && lock.readInt16LE(0) !== unlocked;
        },
      };

/** `struct flock` of one byte, as 64-bit Linux has it: type, whence (0: from the start), start, length, pid. */
function flock(type: number, byte: number): Buffer {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(type, 0);
  lock.writeBigInt64LE(BigInt(byte), 8);
  lock.writeBigInt64LE(1n, 16);
  return lock;
}

function fcntl(fd: number, command: number, lock: Buffer): string | undefined {
  loadedFcntl ??= loadFcntl();
  return loadedFcntl(fd, command, lock);
}

function loadFcntl(): Fcntl {
  const koffi = load("Images can't be locked");
  if (koffi === undefined) {
    return () => 'ENOSYS';
  }
  const call = koffi.load(null).func('int fcntl(int fd, int command, void *lock)');
  const names = errorNames(koffi);
  return (fd, command, lock) => (call(fd, command, lock) === 0 ? undefined : (names.get(koffi.errno()) ?? 'unknown'));
}

function loadSeek(): Seek {
  const koffi = load("Holes in files can't be told");
  if (koffi === undefined) {
    return () => 'unknown';
  }
  const lseek = koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
  return (fd, from, to) => {
    const found: unknown = lseek(fd, from, to === 'data' ? seekData : seekHole);
    if ((typeof found === 'number' || typeof found === 'bigint') && found >= 0) {
      return BigInt(found);
    }
    // ENXIO: nothing of the kind up to the end of the file. Else the file system can't tell (EINVAL, EOPNOTSUPP).
    return koffi.errno() === koffi.os.errno.ENXIO ? 'none' : 'unknown';
  };
}

function loadFallocate(): Fallocate {
  const koffi = load("Blocks can't be allocated");
  if (koffi === undefined) {
    return () => 'EOPNOTSUPP';
  }
  const call = koffi.load(null).func('int posix_fallocate(int fd, int64_t offset, int64_t length)');
  const names = errorNames(koffi);
  return (fd, at, length) => {
    const code: unknown = call(fd, at, length);
    return code === 0 ? undefined : (names.get(Number(code)) ?? `error ${String(code)}`);
  };
}

/** `FALLOC_FL_KEEP_SIZE` and `FALLOC_FL_PUNCH_HOLE`. */
const punchMode = 1 + 2;

function loadPunchHole(): Fallocate {
  const koffi = load("Blocks can't be given back");
  if (koffi === undefined) {
    return () => 'EOPNOTSUPP';
  }
  const call = koffi.load(null).func('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
  const names = errorNames(koffi);
  return (fd, at, length) =>
    call(fd, punchMode, at, length) === 0 ? undefined : (names.get(koffi.errno()) ?? 'unknown');
}

function errorNames(koffi: Koffi): ReadonlyMap<number, string> {
  return new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
}

/** The binary may be for another libc: then it is as on systems that have nothing of the kind. */
function load(loss: string): Koffi | undefined {
  const require = createRequire(import.meta.filename);
  try {
    return require('koffi') as Koffi;
  } catch (error) {
    process.emitWarning(`${loss}: koffi does not load: ${String(error)}`);
    return undefined;
  }
}
