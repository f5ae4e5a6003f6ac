import type { HostExtent } from '../engine/ports.ts';

/**
 * Finds the first data or hole of an open file at or after `from` (host offset in bytes). `none`: there is no such
 * thing up to the end of the file; `unknown`: the file system can't tell.
 */
export type Seek = (fd: number, from: bigint, to: 'data' | 'hole') => bigint | 'none' | 'unknown';

/**
 * The data and holes of an open file from `from` to `to` (host offsets in bytes), in order and without a gap. What
 * lies past the end of the file is a hole; where the file system can't tell, everything is data.
 */
export function* seekExtents(seek: Seek, fd: number, from: bigint, to: bigint): Generator<HostExtent> {
  let at = from;
  while (at < to) {
    const found = seek(fd, at, 'data');
    const dataStart = found === 'unknown' ? at : found === 'none' ? to : least(found, to);
    if (dataStart > at) {
      yield { offset: at, length: dataStart - at, data: false };
    }
    if (dataStart >= to) {
      return;
    }
    const hole = seek(fd, dataStart, 'hole');
    // A hole at `dataStart` itself can only be a file that changes under us: go on, don't stand still.
    const dataEnd = typeof hole === 'bigint' && hole > dataStart ? least(hole, to) : to;
    yield { offset: dataStart, length: dataEnd - dataStart, data: true };
    at = dataEnd;
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
