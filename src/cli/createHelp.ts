import { createOptions } from './createOptions.ts';
import { pathOfNew } from './makeImage.ts';
import { helpLine } from './optionHelp.ts';

/** What qemu-img says that each option of `create` is. */
const meanings: Readonly<Record<string, string>> = {
  backing_file: 'File name of a base image',
  backing_fmt: 'Image format of the base image',
  cluster_size: 'qcow2 cluster size',
  compat: 'Compatibility level (v2 [0.10] or v3 [1.1])',
  compression_type: 'Compression method used for image cluster compression',
  data_file: 'File name of an external data file',
  data_file_raw: 'The external data file must stay valid as a raw image',
  'encrypt.cipher-alg': 'Name of encryption cipher algorithm',
  'encrypt.cipher-mode': 'Name of encryption cipher mode',
  'encrypt.format': "Encrypt the image, format choices: 'aes', 'luks'",
  'encrypt.hash-alg': 'Name of encryption hash algorithm',
  'encrypt.iter-time': 'Time to spend in PBKDF in milliseconds',
  'encrypt.ivgen-alg': 'Name of IV generator algorithm',
  'encrypt.ivgen-hash-alg': 'Name of IV generator hash algorithm',
  'encrypt.key-secret': 'ID of secret providing qcow AES key or LUKS passphrase',
  encryption: "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)",
  extended_l2: 'Extended L2 tables',
  extent_size_hint: 'Extent size hint for the image file, 0 to disable',
  lazy_refcounts: 'Postpone refcount updates',
  nocow: 'Turn off copy-on-write (valid only on btrfs)',
  preallocation: 'Preallocation mode (allowed values: off, metadata, falloc, full)',
  refcount_bits: 'Width of a reference count entry in bits',
  size: 'Virtual disk size',
};

/** Options of the file that an image of any format is in: told where a file is named. */
const ofFile: ReadonlySet<string> = new Set(['extent_size_hint', 'nocow']);

/**
 * What `create -o help` prints (print_block_option_help). Throws QEMU's message for a format that there is not, and for a
 * name that is none.
 */
export function createHelp(format: string, file: string | undefined): string {
  const options = createOptions.get(format);
  if (options === undefined) {
    throw new Error(`Unknown file format '${format}'`);
  }
  if (file !== undefined) {
    pathOfNew(file);
  }
  // A raw image is preallocated by the file.
  const isOfFile = (name: string): boolean =>
    format !== 'file' && (ofFile.has(name) || (format === 'raw' && name === 'preallocation'));
  const lines = [...options]
    .filter(([name]) => file !== undefined || !isOfFile(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, kind]) => helpLine(name, kind, meaningOf(name, format)));
  return file === undefined
    ? `Supported ${format} options:\n${lines.join('')}\nThe protocol level may support further options.\nSpecify the target filename to include those options.\n`
    : `Supported options:\n${lines.join('')}`;
}

function meaningOf(name: string, format: string): string {
  const meaning = meanings[name] ?? '';
  return format !== 'qcow2' ? meaning.replace('metadata, ', '') : meaning;
}
