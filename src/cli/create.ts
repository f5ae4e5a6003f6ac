import { Qcow2Error } from '../engine/error.ts';
import { parseSize } from '../engine/size.ts';
import { namedPath } from '../platform/gate.ts';
import { bytesOfText, textOfBytes } from './bytes.ts';
import { createHelp } from './createHelp.ts';
import { createOptions, formattingLine, unsupportedOption } from './createOptions.ts';
import { pathOf } from './formats.ts';
import { warnOfHexUnit } from './hexUnit.ts';
import { openImageFile } from './imageFile.ts';
import { makeImage, pathOfNew, roundUp } from './makeImage.ts';
import { openMapChain } from './mapChain.ts';
import { asksForHelp } from './optionHelp.ts';
import { type GivenOptions, readOptionLists, requireOptionList, sizeValue } from './optionList.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { forgetSecrets, objectHelp, readSecrets, type Secrets } from './secrets.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'quiet', short: 'q' },
  { long: 'format', short: 'f', value: true },
  { long: 'backing', short: 'b', value: true },
  { long: 'backing-format', short: 'F', value: true },
  { long: 'backing-unsafe', short: 'u' },
  { long: 'options', short: 'o', value: true },
  { long: 'object', value: true },
];

const wrongSize =
  'Invalid image size specified. You may use k, M, G, T, P or E suffixes for\n' +
  `${programName}: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.`;

/** `qcow2 create`: qemu-img's verb, with its options, messages and exit codes. */
export async function create(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  if (lastOf(given, 'help') !== undefined) {
    out.text(usageLine('create'));
    return 0;
  }
  const objects = given.filter(({ name }) => name === 'object').map(({ value }) => value);
  const wantedHelp = objectHelp(objects);
  if (wantedHelp !== undefined) {
    out.text(wantedHelp);
    return 0;
  }
  const secrets = readSecrets(objects);
  try {
    await createFile(given, operands, secrets, out);
  } finally {
    forgetSecrets(secrets);
  }
  return 0;
}

async function createFile(
  given: Arguments['given'],
  operands: readonly string[],
  secrets: Secrets,
  out: Output,
): Promise<void> {
  const last = (name: string): string | undefined => lastOf(given, name);
  const [file, size, ...rest] = operands;
  const format = last('format') ?? 'raw';
  const lists = given.filter(({ name }) => name === 'options').map(({ value }) => value);
  for (const list of lists) {
    requireOptionList(list);
  }
  if (asksForHelp(lists)) {
    out.text(helpOf(format, file));
    return;
  }
  if (file === undefined) {
    throw usageFailure('Expecting image file name');
  }
  const sizeGiven = size === undefined ? undefined : sizeArgument(size);
  if (rest.length > 0) {
    throw usageFailure(`Unexpected argument: ${bytesOfText(rest[0] ?? '')}`);
  }
  try {
    const backing = {
      name: last('backing'),
      format: last('backing-format'),
      unsafe: last('backing-unsafe') !== undefined,
    };
    const { wanted, below } = await wantedOptions(file, format, lists, sizeGiven, backing);
    if (last('quiet') === undefined) {
      out.text(bytesOfText(`Formatting '${file}', ${formattingLine(format, wanted)}\n`));
    }
    await makeImage(file, format, wanted, secrets, below);
  } catch (error) {
    throw failureOf(file, error);
  }
}

function helpOf(format: string, file: string | undefined): string {
  try {
    return createHelp(format, file);
  } catch (error) {
    throw error instanceof Error ? new Failure(bytesOfText(error.message)) : error;
  }
}

/** The value that counts of an option, which is that of the last one. */
function lastOf(given: Arguments['given'], name: string): string | undefined {
  return given.findLast((option) => option.name === name)?.value;
}

function sizeArgument(text: string): bigint {
  const size = parseSize(text);
  if (typeof size === 'string') {
    throw new Failure(
      size === 'invalid' ? wrongSize : 'Invalid image size specified. Must be between 0 and 9223372036854775807.',
    );
  }
  warnOfHexUnit(text, size);
  if (size.value > 2n ** 63n - 1n) {
    throw new Failure('Invalid image size specified. Must be between 0 and 9223372036854775807.');
  }
  return size.value;
}

interface Backing {
  readonly name: string | undefined;
  readonly format: string | undefined;
  /** `-u`: the file is not looked at. */
  readonly unsafe: boolean;
}

/** What is to be made. */
interface Wanted {
  /** The options of all sources together. */
  readonly wanted: GivenOptions;
  /** Paths of the files that the image will be read from: the backing file, and what is below it. */
  readonly below: readonly string[];
}

/** Checks the options of all sources in QEMU's order (bdrv_img_create). Throws their messages. */
async function wantedOptions(
  file: string,
  format: string,
  lists: readonly string[],
  size: bigint | undefined,
  { name, format: backingFormat, unsafe }: Backing,
): Promise<Wanted> {
  const known = createOptions.get(format);
  if (known === undefined) {
    throw new Error(`Unknown file format '${format}'`);
  }
  // QEMU looks at the name before the options.
  pathOfNew(file);
  const wanted = new Map(readOptionLists(lists, known));
  const unsupported = unsupportedOption(wanted);
  if (unsupported !== undefined) {
    throw new Error(`Parameter '${unsupported}' is not supported yet`);
  }
  if (size !== undefined) {
    if (wanted.has('size')) {
      throw new Error('The image size must be specified only once');
    }
    wanted.set('size', String(size));
  } else if (wanted.has('size')) {
    wanted.set('size', String(sizeValue(wanted.get('size') ?? '')));
  }
  if (!known.has('backing_file') && (name !== undefined || backingFormat !== undefined)) {
    const what = name === undefined ? 'Backing file format' : 'Backing file';
    throw new Error(`${what} not supported for file format '${format}'`);
  }
  setUnlessUndefined(wanted, 'backing_file', name);
  setUnlessUndefined(wanted, 'backing_fmt', backingFormat);
  const backing = wanted.get('backing_file');
  if (backing === file) {
    throw new Error('Error: Trying to create an image with the same filename as the backing file');
  }
  if (backing === '') {
    throw new Error('Expected backing file name, got empty string');
  }
  let below: readonly string[] = [];
  if (backing !== undefined && !unsafe) {
    below = await useBacking(file, backing, wanted);
  } else if (backing !== undefined && !wanted.has('backing_fmt')) {
    throw new Error('Backing file specified without backing format');
  }
  if (!wanted.has('size')) {
    throw new Error('Image creation needs a size parameter');
  }
  return { wanted, below };
}

function setUnlessUndefined(map: Map<string, string>, name: string, value: string | undefined): void {
  if (value !== undefined) {
    map.set(name, value);
  }
}

/**
 * Looks at the backing file, and at what is below it: the disk is as large as it where no size is given. Returns the
 * paths of all that is read.
 */
async function useBacking(file: string, backing: string, wanted: Map<string, string>): Promise<readonly string[]> {
  const format = wanted.get('backing_fmt');
  const place = pathOf(backing);
  if ('refusal' in place) {
    throw new Error(`${place.refusal}\nCould not open backing image.`);
  }
  // After `file:` QEMU looks for it from the folder that the command runs in.
  const path = place.path === backing ? namedPath(backing, file) : place.path;
  try {
    const opened = await openImageFile(path, format, 'info');
    try {
      const chain = await openMapChain(opened, true, 'info');
      await chain.close();
      if (format === undefined) {
        throw new Error(`Backing file specified without backing format\nDetected format of ${opened.format}.`);
      }
      if (!wanted.has('size')) {
        wanted.set('size', String(opened.image?.geometry?.guestSize ?? roundUp(opened.storage.size)));
      }
      return chain.paths;
    } finally {
      await opened.storage.close();
    }
  } catch (error) {
    if (!(error instanceof Failure || error instanceof Qcow2Error)) {
      throw error;
    }
    // The other verbs put the name before the reason.
    const prefix = `Could not open '${bytesOfText(path)}': `;
    const why = textOfBytes(error.message);
    throw new Error(`${why.startsWith(prefix) ? why.slice(prefix.length) : why}\nCould not open backing image.`);
  }
}

function failureOf(file: string, error: unknown): unknown {
  if (error instanceof Failure) {
    return error;
  }
  if (error instanceof Qcow2Error || (error instanceof Error && error.constructor === Error)) {
    return new Failure(bytesOfText(`${file}: ${error.message}`));
  }
  return error;
}
