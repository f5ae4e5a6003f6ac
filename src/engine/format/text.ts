/**
 * Text in an image is UTF-8 by custom, but any bytes are possible. The engine has no TextDecoder (it belongs to the
 * platform), so that it decodes by itself. The bytes are kept beside the text wherever they must be written back.
 */

const replacement = 0xfffd;

/** Decodes UTF-8. Bytes that are none become U+FFFD, one for each. */
export function decodeText(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    text += String.fromCodePoint(length === 0 ? replacement : codePoint(bytes, at, length));
    at += Math.max(length, 1);
  }
  return text;
}

/** As `decodeText`, up to the first NUL: how C reads a string. */
export function decodeCText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(end === -1 ? bytes : bytes.subarray(0, end));
}

/** Encodes text as UTF-8; half of a surrogate pair becomes U+FFFD. */
export function encodeText(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const letter of text) {
    const found = letter.codePointAt(0) ?? replacement;
    const code = found >= 0xd800 && found <= 0xdfff ? replacement : found;
    if (code < 0x80) {
      bytes.push(code);
    } else if (code < 0x800) {
      bytes.push(0xc0 | (code >>> 6), continuation(code));
    } else if (code < 0x1_0000) {
      bytes.push(0xe0 | (code >>> 12), continuation(code >>> 6), continuation(code));
    } else {
      bytes.push(0xf0 | (code >>> 18), continuation(code >>> 12), continuation(code >>> 6), continuation(code));
    }
  }
  return Uint8Array.from(bytes);
}

function continuation(code: number): number {
  return 0x80 | (code & 0x3f);
}

/** Bytes of the well-formed UTF-8 sequence at `at`; 0 if there is none (Unicode, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (let index = 1; index < length; index++) {
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) {
      return 0;
    }
  }
  const second = bytes[at + 1] ?? 0;
  const overlongOrSurrogate =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return overlongOrSurrogate ? 0 : length;
}

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at] ?? 0;
  let code = length === 1 ? first : first & (0x7f >> length);
  for (let index = 1; index < length; index++) {
    code = (code << 6) | ((bytes[at + index] ?? 0) & 0x3f);
  }
  return code;
}
