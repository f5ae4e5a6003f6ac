/** Bytes of a block of the output that is written, or not, as a whole: what file systems have holes in. */
const blockBytes = 4096;

/** The runs of blocks that are not all zeros, as places in `bytes`. */
export function* nonZeroRuns(bytes: Uint8Array): Generator<{ readonly from: number; readonly to: number }> {
  let start: number | undefined;
  for (let from = 0; from < bytes.length; from += blockBytes) {
    const block = bytes.subarray(from, from + blockBytes);
    if (allZeros(block)) {
      if (start !== undefined) {
        yield { from: start, to: from };
        start = undefined;
      }
    } else {
      start ??= from;
    }
  }
  if (start !== undefined) {
    yield { from: start, to: bytes.length };
  }
}

function allZeros(bytes: Uint8Array): boolean {
  if (bytes.byteOffset % 8 !== 0 || bytes.length % 8 !== 0) {
    return bytes.every((byte) => byte === 0);
  }
  const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  // -0 equals 0, and is not all zeros.
  for (let index = 0; index < words.length; index++) {
    if (words[index] !== 0 || Object.is(words[index], -0)) {
      return false;
    }
  }
  return true;
}
