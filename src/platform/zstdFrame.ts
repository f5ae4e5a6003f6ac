/**
 * The length in bytes of the Zstandard frame that `bytes` start with (RFC 8878, 3.1.1), or undefined when there is
 * none or it is cut off. A compressed cluster is padded to a sector, and Node does not always stop at the frame's end.
 */
export function zstdFrameLength(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint32(0, true) !== 0xfd2fb528) {
    return undefined;
  }
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  const contentSize = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  const dictionaryId = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let at = 5 + (singleSegment ? 0 : 1) + dictionaryId + contentSize;
  for (let last = false; !last; ) {
    if (at + 3 > bytes.length) {
      return undefined;
    }
    const block = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    last = (block & 1) !== 0;
    // A run-length block (type 1) holds one byte, whatever its size says.
    at += 3 + (((block >>> 1) & 3) === 1 ? 1 : block >>> 3);
  }
  const end = at + ((descriptor & 4) !== 0 ? 4 : 0);
  return end <= bytes.length ? end : undefined;
}
