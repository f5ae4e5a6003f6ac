import { writeSync } from 'node:fs';

/** Thrown when the reader of our output has gone away. Not an error of ours. */
export class ReaderGone extends Error {}

/** Where the bytes of a command go. */
export interface Output {
  /** Writes a byte string (see `bytes.ts`). */
  text(bytes: string): void;
  /** Writes `length` bytes from the start of `bytes`. */
  write(bytes: Uint8Array, length: number): void;
}

/** An output that writes to an open file, at once. */
export function outputTo(fd: number): Output {
  const write = (bytes: Uint8Array, length: number): void => {
    let done = 0;
    while (done < length) done += writeSome(fd, bytes, done, length - done);
  };
  return {
    write,
    text: (bytes) => {
      const buffer = Buffer.from(bytes, 'latin1');
      write(buffer, buffer.length);
    },
  };
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Writes what a pipe takes now; a full one (EAGAIN, where Node made it non-blocking) is waited for. */
function writeSome(fd: number, bytes: Uint8Array, from: number, length: number): number {
  try {
    return writeSync(fd, bytes, from, length);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // ECONNRESET: of a socket, whose reader has gone before it read everything.
    if (code === 'EPIPE' || code === 'ECONNRESET') throw new ReaderGone();
    if (code !== 'EAGAIN') throw error;
    Atomics.wait(pause, 0, 0, 1);
    return 0;
  }
}
