import { formatRefusal } from './formats.ts';
import { partsOf } from './optionList.ts';

/** An image as `--image-opts` gives it: the file, and the driver where one is named. */
export interface ImageOptions {
  readonly path: string;
  readonly driver: string | undefined;
  /** The encryption that the image should have. */
  readonly encryption: string | undefined;
  /** The id of the secret that is its pass phrase. */
  readonly keySecret: string | undefined;
}

/** Names that every verb takes, and those that one takes for which secrets are made. */
const names = ['driver', 'file.driver', 'file.filename'];
const secretNames = ['encrypt.format', 'encrypt.key-secret'];

/**
 * Reads what `--image-opts` makes of an operand, `driver=qcow2,file.driver=file,file.filename=NAME`, or tells why there is
 * no such image, in QEMU's words where it refuses it too. Of the options of a driver there are those of the encryption.
 *
 * @param secrets - whether the verb takes secrets
 */
export function readImageOptions(text: string, secrets: boolean): ImageOptions | { readonly refusal: string } {
  const given = new Map(partsOf(text).map(nameAndValue));
  const node = given.get('file');
  if (node !== undefined) {
    return { refusal: `Cannot find device='${node}' nor node-name='${node}'` };
  }
  const known = secrets ? [...names, ...secretNames] : names;
  const unknown = [...given.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    return { refusal: `option '${unknown}' is not supported yet: only ${known.join(', ')}` };
  }
  const driver = given.get('driver');
  const fileDriver = given.get('file.driver');
  const path = given.get('file.filename');
  if (fileDriver === undefined && path === undefined) {
    return {
      refusal:
        driver === undefined ? 'Must specify either driver or file' : 'A block device must be specified for "file"',
    };
  }
  if (fileDriver !== undefined && fileDriver !== 'file') {
    return { refusal: formatRefusal(fileDriver) ?? `driver '${fileDriver}' is not supported for a file yet` };
  }
  if (path === undefined || path === '') {
    return { refusal: "The 'file' block driver requires a file name" };
  }
  const encryption = given.get('encrypt.format');
  if (encryption !== undefined && !['aes', 'luks'].includes(encryption)) {
    return { refusal: `Parameter 'encrypt.format' does not accept value '${encryption}'` };
  }
  return { path, driver, encryption, keySecret: given.get('encrypt.key-secret') };
}

/** A word without `=` stands for the name of a node. */
function nameAndValue(part: string): readonly [string, string] {
  const equals = part.indexOf('=');
  return equals < 0 ? ['file', part] : [part.slice(0, equals), part.slice(equals + 1)];
}
