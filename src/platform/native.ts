import { createRequire } from 'node:module';
import type { Fallocate } from './newFile.ts';
import type { Seek } from './seek.ts';

/** `SEEK_DATA` of lseek(2) on Linux. */
const seekData = 3;
/** `SEEK_HOLE` of lseek(2) on Linux. */
const seekHole = 4;

type Koffi = typeof import('koffi');

let loadedSeek: Seek | undefined;
let loadedFallocate: Fallocate | undefined;

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
  const names = new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
  return (fd, at, length) => {
    const code: unknown = call(fd, at, length);
    return code === 0 ? undefined : (names.get(Number(code)) ?? `error ${String(code)}`);
  };
}

/** The binary may be for another libc: then it is as on systems that have nothing of the kind. */
function load(loss: string): Koffi | undefined {
  // A CommonJS bundle has no import.meta: the build puts __filename in its place.
  const require = createRequire(import.meta.filename);
  try {
    return require('koffi') as Koffi;
  } catch (error) {
    process.emitWarning(`${loss}: koffi does not load: ${String(error)}`);
    return undefined;
  }
}
