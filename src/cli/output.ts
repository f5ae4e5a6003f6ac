import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { visible } from '../engine/dump/jsonText.ts';
import { bytesOfText, textOfBytes } from './bytes.ts';

/** Thrown when the reader of our output has gone away. Not an error of ours. */
export class ReaderGone extends Error {}

/** Where the bytes of a command go. */
export interface Output {
  /** Writes a byte string (see `bytes.ts`). */
  text(bytes: string): void;
  /** Writes `length` bytes from the start of `bytes`. */
  write(bytes: Uint8Array, length: number): void;
}

/**
 * An output that writes to an open file, at once. Names in an image may be meant for the terminal: they would colour it,
 * change its title, or write over other lines. There unseen characters are written out, where QEMU sends them as they
 * are. A file or a pipe gets QEMU's bytes.
 */
export function outputTo(fd: number, terminal = isatty(fd)): Output {
  const writeAll = (bytes: Uint8Array, length: number): void => {
    let done = 0;
    while (done < length) done += writeSome(fd, bytes, done, length - done);
  };
  const text = (bytes: string): void => {
    const buffer = Buffer.from(terminal ? onTerminal(bytes) : bytes, 'latin1');
    writeAll(buffer, buffer.length);
  };
  return {
    text,
    write: terminal ? (bytes, length) => text(Buffer.from(bytes.subarray(0, length)).toString('latin1')) : writeAll,
  };
}

/** A byte string with all that is not seen written out, but the ends of lines, and of a line that the next one replaces. */
function onTerminal(bytes: string): string {
  const [end = ''] = /\r?$/.exec(bytes) ?? [];
  const lines = bytes.slice(0, bytes.length - end.length).split('\n');
  return lines.map((line) => bytesOfText(visible(textOfBytes(line)))).join('\n') + end;
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
