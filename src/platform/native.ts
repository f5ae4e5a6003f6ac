import { createRequire } from 'node:module';
import type { Seek } from './seek.ts';

/** `SEEK_DATA` of lseek(2) on Linux. */
const seekData = 3;
/** `SEEK_HOLE` of lseek(2) on Linux. */
const seekHole = 4;

let loaded: Seek | undefined;

/**
 * lseek(2) with SEEK_DATA and SEEK_HOLE, which Node has not got, through koffi. Undefined on other systems than Linux.
 * Nothing is loaded before the first call of the result.
 */
export const seek: Seek | undefined = process.platform !== 'linux' ? undefined : seekLazily;

function seekLazily(fd: number, from: bigint, to: 'data' | 'hole'): bigint | 'none' | 'unknown' {
  loaded ??= load();
  return loaded(fd, from, to);
}

function load(): Seek {
  // A CommonJS bundle has no import.meta: the build puts __filename in its place.
  const require = createRequire(import.meta.filename);
  let koffi: typeof import('koffi');
  try {
    koffi = require('koffi') as typeof import('koffi');
  } catch (error) {
    // The binary is for another libc: every byte counts as data, as on systems without lseek(SEEK_HOLE).
    process.emitWarning(`Holes in files can't be told: koffi does not load: ${String(error)}`);
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
