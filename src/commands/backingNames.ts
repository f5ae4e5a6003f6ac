import { dirname, isAbsolute, relative, sep } from 'node:path';

/** The formats that qemu-img 7.2 opens as backing files. */
export const backingFormats: readonly string[] = [
  'qcow2',
  'raw',
  'qcow',
  'qed',
  'vdi',
  'vhdx',
  'vmdk',
  'vpc',
  'parallels',
  'luks',
];

/** Bytes of a backing file's name at most (spec). */
const longestName = 1023;

/** Why a backing file's name can't be stored, in words; undefined where it can. */
export function nameRefusal(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (text.includes('\0')) {
    return 'A name can’t hold a NUL.';
  }
  return bytes > longestName ? `The name has ${bytes} bytes: at most ${longestName} can be stored.` : undefined;
}

/**
 * How an image is to name its backing file: relative to its own folder where the file is in there, so that they can be
 * moved together; otherwise by the whole path.
 *
 * @param image - the path of the image
 * @param file - the path of the backing file
 */
export function backingName(image: string, file: string): string {
  const name = relative(dirname(image), file);
  if (isAbsolute(name) || name.split(sep)[0] === '..') {
    return file;
  }
  // QEMU takes what stands before a colon for a protocol.
  return /^[^/\\]*:/.test(name) ? `./${name}` : name;
}
