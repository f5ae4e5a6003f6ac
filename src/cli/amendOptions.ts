import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import type { AmendOptions } from '../engine/operations/amend.ts';
import { versionOf } from '../engine/operations/newImage.ts';
import { bytesOfText } from './bytes.ts';
import { createOptions } from './createOptions.ts';
import { helpLine } from './optionHelp.ts';
import { type GivenOptions, type OptionKind, readOptionLists, shownNumber, sizeValue } from './optionList.ts';
import { Failure } from './program.ts';

/** The options of `amend`, what each takes, and what qemu-img says that it is. */
const options: readonly (readonly [string, OptionKind, string])[] = [
  ['backing_file', 'text', 'File name of a base image'],
  ['backing_fmt', 'text', 'Image format of the base image'],
  ['compat', 'text', 'Compatibility level (v2 [0.10] or v3 [1.1])'],
  ['data_file', 'text', 'File name of an external data file'],
  ['data_file_raw', 'flag', 'The external data file must stay valid as a raw image'],
  ['encrypt.iter-time', 'number', 'Time to spend in PBKDF in milliseconds'],
  ['encrypt.keyslot', 'number', 'Select a single keyslot to modify explicitly'],
  ['encrypt.new-secret', 'text', 'New secret to set in the matching keyslots. Empty string to erase'],
  ['encrypt.old-secret', 'text', 'Select all keyslots that match this password'],
  ['encrypt.state', 'text', 'Select new state of affected keyslots (active/inactive)'],
  ['lazy_refcounts', 'flag', 'Postpone refcount updates'],
  ['refcount_bits', 'number', 'Width of a reference count entry in bits'],
  ['size', 'size', 'Virtual disk size'],
];

const kinds: ReadonlyMap<string, OptionKind> = new Map(options.map(([name, kind]) => [name, kind]));

/** What `-o help` prints. Throws a `Failure` for a format that has no options to amend. */
export function amendHelp(format: string, known: boolean): string {
  if (!known) {
    throw new Failure(`Unknown file format '${bytesOfText(format)}'`);
  }
  if (format !== 'qcow2') {
    throw new Failure(`Format driver '${bytesOfText(format)}' does not support option amendment`);
  }
  const lines = options.map(([name, kind, what]) => helpLine(name, kind, what));
  return `Amend options for 'qcow2':\n${lines.join('')}`;
}

/** Reads `-o` lists. Throws QEMU's messages; for an option of `create` it says that it is one. */
export function readAmendOptions(lists: readonly string[]): GivenOptions {
  try {
    return readOptionLists(lists, kinds);
  } catch (error) {
    throw error instanceof Error && isForCreation(lists)
      ? new Failure(bytesOfText(error.message), { hint: 'This option is only supported for image creation\n' })
      : error;
  }
}

function isForCreation(lists: readonly string[]): boolean {
  // `nocow` and `extent_size_hint` are options of the file, which QEMU does not look at here.
  const ofImage = [...(createOptions.get('qcow2') ?? [])].filter(([name]) => !/^(nocow|extent_size_hint)$/.test(name));
  try {
    readOptionLists(lists, new Map([...kinds, ...ofImage]));
    return true;
  } catch {
    return false;
  }
}

/** The options as the engine takes them. Throws QEMU's message for encryption that is not there, and a wrong level. */
export function amendOptions(given: GivenOptions, image: Image): AmendOptions {
  requireNoEncryption(given, image);
  const { compat, size, data_file: dataFile, refcount_bits: bits } = Object.fromEntries(given);
  if (compat !== undefined) {
    acceptCompat(compat);
  }
  if (size !== undefined && sizeValue(size) >= 2n ** 63n) {
    throw new Error('Image size cannot be negative');
  }
  const flag = (name: string): boolean | undefined => (given.has(name) ? given.get(name) === 'on' : undefined);
  const [raw, lazy] = [flag('data_file_raw'), flag('lazy_refcounts')];
  return {
    ...(compat === undefined ? {} : { compat }),
    ...(size === undefined ? {} : { size: sizeValue(size) }),
    ...(dataFile === undefined ? {} : { dataFile: Buffer.from(dataFile) }),
    ...(raw === undefined ? {} : { dataFileRaw: raw }),
    ...(lazy === undefined ? {} : { lazyRefcounts: lazy }),
    ...(bits === undefined ? {} : { refcountBits: shownNumber(bits) }),
  };
}

function requireNoEncryption(given: GivenOptions, { header }: Image): void {
  const name = [...given.keys()].find((option) => option.startsWith('encrypt.'));
  if (name === undefined) {
    return;
  }
  switch (header?.crypt_method) {
    case 0:
      throw new Error("Can't amend encryption options - encryption not present");
    case 1:
      throw new Error('Only LUKS encryption options can be amended');
    default:
      throw new Error(`Parameter '${name}' is not supported yet: key slots can't be changed`);
  }
}

/** On the command line a wrong level is refused in the words of qemu-img 7.2 amend. */
function acceptCompat(compat: string): void {
  try {
    versionOf(compat);
  } catch (error) {
    throw error instanceof Qcow2Error ? new Error(`Unknown compatibility level ${compat}`) : error;
  }
}
