import type { NewImageOptions } from '../engine/operations/newImage.ts';
import { versionOf } from '../engine/operations/newImage.ts';
import { encryptionOptions, refuseBothFormats } from './encryptionOptions.ts';
import { isDriver, pathOf } from './formats.ts';
import { type GivenOptions, numberValue, type OptionKind, oneOf, shownNumber, sizeValue } from './optionList.ts';

const hostOptions: readonly (readonly [string, OptionKind])[] = [
  ['nocow', 'flag'],
  ['extent_size_hint', 'size'],
];

const rawOptions: ReadonlyMap<string, OptionKind> = new Map([
  ['size', 'size'],
  ['preallocation', 'text'],
  ...hostOptions,
]);

/** By format: the options of `create`, and what each takes. `file` is the driver below `raw`, and makes the same. */
export const createOptions: ReadonlyMap<string, ReadonlyMap<string, OptionKind>> = new Map([
  ['raw', rawOptions],
  ['file', rawOptions],
  [
    'qcow2',
    new Map<string, OptionKind>([
      ['backing_file', 'text'],
      ['backing_fmt', 'text'],
      ['cluster_size', 'size'],
      ['compat', 'text'],
      ['compression_type', 'text'],
      ['data_file', 'text'],
      ['data_file_raw', 'flag'],
      ['encrypt.cipher-alg', 'text'],
      ['encrypt.cipher-mode', 'text'],
      ['encrypt.format', 'text'],
      ['encrypt.hash-alg', 'text'],
      ['encrypt.iter-time', 'number'],
      ['encrypt.ivgen-alg', 'text'],
      ['encrypt.ivgen-hash-alg', 'text'],
      ['encrypt.key-secret', 'text'],
      ['encryption', 'flag'],
      ['extended_l2', 'flag'],
      ['lazy_refcounts', 'flag'],
      ['preallocation', 'text'],
      ['refcount_bits', 'number'],
      ['size', 'size'],
      ...hostOptions,
    ]),
  ],
]);

/** The first option that we don't have yet, if one was given: what only some file systems know. */
export function unsupportedOption(given: GivenOptions): string | undefined {
  return [...given].find(
    ([name, value]) => (name === 'nocow' && value === 'on') || (name === 'extent_size_hint' && sizeValue(value) !== 0n),
  )?.[0];
}

/** The order in which QEMU prints the options of a qcow2 image, with those that it prints though nobody gave them. */
const printed: readonly (readonly [string, string?])[] = [
  ['encryption'],
  ['encrypt.format'],
  ['encrypt.key-secret'],
  ['encrypt.cipher-alg'],
  ['encrypt.cipher-mode'],
  ['encrypt.ivgen-alg'],
  ['encrypt.ivgen-hash-alg'],
  ['encrypt.hash-alg'],
  ['encrypt.iter-time'],
  ['cluster_size', '65536'],
  ['extended_l2', 'off'],
  ['preallocation'],
  ['compression_type', 'zlib'],
  ['size'],
  ['compat'],
  ['backing_file'],
  ['backing_fmt'],
  ['data_file'],
  ['data_file_raw'],
  ['lazy_refcounts', 'off'],
  ['refcount_bits', '16'],
  ['nocow'],
  ['extent_size_hint'],
];

/** What QEMU prints before it makes an image: `fmt=qcow2 cluster_size=65536 …`. Commas in values are doubled. */
export function formattingLine(format: string, given: GivenOptions): string {
  const order =
    format === 'qcow2' ? printed : ([['size'], ['nocow'], ['preallocation'], ['extent_size_hint']] as const);
  const words = order.flatMap(([name, standard]) => {
    const value = given.get(name) ?? standard;
    return value === undefined ? [] : [`${name}=${shownValue(name, value)}`];
  });
  return [`fmt=${format}`, ...words].join(' ');
}

function shownValue(name: string, value: string): string {
  if (['cluster_size', 'size', 'extent_size_hint'].includes(name)) {
    return String(sizeValue(value));
  }
  const number = name === 'refcount_bits' || name === 'encrypt.iter-time';
  return number ? String(shownNumber(value)) : value.replaceAll(',', ',,');
}

/** The options as the engine takes them. Throws QEMU's message for a value that there is not. */
export function imageOptions(given: GivenOptions): NewImageOptions {
  const { compat, compression_type, preallocation, cluster_size, refcount_bits } = Object.fromEntries(given);
  refuseBothFormats(given);
  // In the order in which QEMU reads them (qapi/block-core.json, BlockdevCreateOptionsQcow2).
  if (compat !== undefined) {
    acceptCompat(compat);
  }
  const backingFormat = given.get('backing_fmt');
  if (backingFormat !== undefined && !isDriver(backingFormat)) {
    throw new Error(`Parameter 'backing-fmt' does not accept value '${backingFormat}'`);
  }
  const encryption = encryptionOptions(given);
  const mode = oneOf('preallocation', preallocation, ['off', 'metadata', 'falloc', 'full']);
  const refcountBits = refcount_bits === undefined ? undefined : numberValue('refcount-bits', refcount_bits);
  const compression = oneOf('compression-type', compression_type, ['zlib', 'zstd']);
  const backing = given.get('backing_file');
  if (backing === undefined && backingFormat !== undefined) {
    throw new Error('Backing format cannot be used without backing file');
  }
  const dataFile = given.get('data_file');
  return {
    size: sizeValue(given.get('size') ?? '0'),
    ...(compat === undefined ? {} : { compat }),
    ...(cluster_size === undefined ? {} : { clusterSize: sizeValue(cluster_size) }),
    ...(refcountBits === undefined ? {} : { refcountBits }),
    lazyRefcounts: given.get('lazy_refcounts') === 'on',
    extendedL2: given.get('extended_l2') === 'on',
    ...(compression === undefined ? {} : { compressionType: compression }),
    ...(mode === undefined ? {} : { preallocation: mode }),
    ...(backing === undefined
      ? {}
      : { backing: { name: Buffer.from(backing), ...(backingFormat === undefined ? {} : { format: backingFormat }) } }),
    ...(dataFile === undefined ? {} : { dataFile: Buffer.from(dataFileName(dataFile)) }),
    dataFileRaw: given.get('data_file_raw') === 'on',
    ...(encryption === undefined ? {} : { encryption }),
  };
}

/** The name that the image gets of its data file: as QEMU shows the file's, without `file:`. */
function dataFileName(name: string): string {
  const place = pathOf(name);
  return 'path' in place ? place.path : name;
}

/** On the command line a wrong level is refused in the words of qemu-img 7.2. */
function acceptCompat(compat: string): void {
  try {
    versionOf(compat);
  } catch {
    throw new Error(`Parameter 'version' does not accept value '${compat}'`);
  }
}
