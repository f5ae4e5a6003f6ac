import { writeSync } from 'node:fs';
import { writeFailed } from './systemError.ts';

/** Writes all of `bytes` at a host offset. Throws `write-failed`. */
export function writeAt(path: string, fd: number, at: bigint, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const position = at + BigInt(done);
    try {
      // Node takes positions as numbers; files end below 2^53.
      done += writeSync(fd, bytes, done, bytes.length - done, Number(position));
    } catch (error) {
      throw writeFailed(`write ${path} at offset 0x${position.toString(16)}`, error);
    }
  }
}
