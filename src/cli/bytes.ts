/**
 * Byte strings: one character a byte (latin1). Names in an image are bytes of no declared encoding; QEMU prints them
 * as they are in its human text, so text is put together from byte strings and goes out unchanged.
 */

/** A text, such as an argument of the command line, as its UTF-8 bytes. */
export function bytesOfText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes of a file as a byte string that ends before the first NUL, as a C string does. */
export function bytesOfName(name: Uint8Array): string {
  const end = name.indexOf(0);
  return Buffer.from(name.buffer, name.byteOffset, end < 0 ? name.length : end).toString('latin1');
}

/** A byte string as the text that it is in UTF-8. */
export function textOfBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
