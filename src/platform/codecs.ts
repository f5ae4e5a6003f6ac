import * as zlib from 'node:zlib';
import { Qcow2Error } from '../engine/error.ts';
import type { Codecs } from '../engine/ports.ts';
import { systemCode } from './systemError.ts';
import { zstdFrameLength } from './zstdFrame.ts';

/** How much more than a cluster a stream may hold, in bytes, before it is taken for a bomb. */
const mostOutput = 64 * 1024 * 1024;

/**
 * Decompression by Node's zlib. A deflate stream that is cut off gives what it holds: like QEMU, its reader asks for a
 * full cluster, not for an end mark.
 */
export const codecs: Codecs = {
  inflate: (compressed, limit) =>
    cut(limit, 'deflate', (maxOutputLength) =>
      zlib.inflateRawSync(compressed, { maxOutputLength, finishFlush: zlib.constants.Z_SYNC_FLUSH }),
    ),
  unzstd: (compressed, limit) => {
    if (typeof zlib.zstdDecompressSync !== 'function') {
      throw new Qcow2Error('not-supported', `Node ${process.versions.node} has no Zstandard. Use Node 22.15 or newer.`);
    }
    const frame = compressed.subarray(0, zstdFrameLength(compressed));
    return cut(limit, 'Zstandard', (maxOutputLength) => zlib.zstdDecompressSync(frame, { maxOutputLength }));
  },
};

/**
 * The first `limit` bytes of a stream. Like QEMU (block/qcow2-threads.c), a stream that holds more is cut, not refused.
 */
function cut(limit: number, kind: string, decompress: (maxOutputLength: number) => Uint8Array): Uint8Array {
  try {
    return decompress(limit);
  } catch (error) {
    if (systemCode(error) !== 'ERR_BUFFER_TOO_LARGE') {
      throw badStream(kind, error);
    }
  }
  try {
    return decompress(mostOutput).subarray(0, limit);
  } catch (error) {
    throw badStream(kind, error);
  }
}

function badStream(kind: string, error: unknown): Qcow2Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Qcow2Error('bad-stream', `The ${kind} stream of a compressed cluster is broken: ${reason}`);
}
