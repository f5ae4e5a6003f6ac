import { statSync, unlinkSync } from 'node:fs';
import { Qcow2Error, systemText } from '../engine/error.ts';
import { type CreatePlan, create as createImage, planCreate, withKey } from '../engine/operations/create.ts';
import { newImage } from '../engine/operations/newImage.ts';
import { noProgress } from '../engine/ports.ts';
import { parseSize } from '../engine/size.ts';
import { ciphers } from '../platform/ciphers.ts';
import { namedPath } from '../platform/gate.ts';
import { locksOn } from '../platform/locks.ts';
import { makeFile, type NewDiskFile } from '../platform/newFile.ts';
import { bytesOfText, textOfBytes } from './bytes.ts';
import { createOptions, formattingLine, imageOptions, unsupportedOption } from './createOptions.ts';
import { pathOf, placeOfNew } from './formats.ts';
import { openImageFile } from './imageFile.ts';
import { type GivenOptions, readOptionLists, sizeValue } from './optionList.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { forgetSecrets, objectHelp, passphraseOf, readSecrets, type Secrets } from './secrets.ts';

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
    out.text(
      `usage: ${programName} create [-q] [-f FMT] [-b FILE -F FMT] [-u] [-o OPTIONS] [--object OBJECT] FILE [SIZE]\n`,
    );
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
  if (file === undefined) {
    throw usageFailure('Expecting image file name');
  }
  const sizeGiven = size === undefined ? undefined : sizeArgument(size);
  if (rest.length > 0) {
    throw usageFailure(`Unexpected argument: ${bytesOfText(rest[0] ?? '')}`);
  }
  const format = last('format') ?? 'raw';
  const lists = given.filter(({ name }) => name === 'options').map(({ value }) => value);
  try {
    const backing = {
      name: last('backing'),
      format: last('backing-format'),
      unsafe: last('backing-unsafe') !== undefined,
    };
    const wanted = await wantedOptions(file, format, lists, sizeGiven, backing);
    if (last('quiet') === undefined) {
      out.text(bytesOfText(`Formatting '${file}', ${formattingLine(format, wanted)}\n`));
    }
    await make(file, format, wanted, secrets);
  } catch (error) {
    throw failureOf(file, error);
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

/** The options of all sources together, checked in QEMU's order (bdrv_img_create). Throws their messages. */
async function wantedOptions(
  file: string,
  format: string,
  lists: readonly string[],
  size: bigint | undefined,
  { name, format: backingFormat, unsafe }: Backing,
): Promise<GivenOptions> {
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
  if (name !== undefined || backingFormat !== undefined) {
    if (!known.has('backing_file')) {
      throw new Error(`Backing file not supported for file format '${format}'`);
    }
    setUnlessUndefined(wanted, 'backing_file', name);
    setUnlessUndefined(wanted, 'backing_fmt', backingFormat);
  }
  if (size !== undefined) {
    if (wanted.has('size')) {
      throw new Error('The image size must be specified only once');
    }
    wanted.set('size', String(size));
  } else if (wanted.has('size')) {
    wanted.set('size', String(sizeValue(wanted.get('size') ?? '')));
  }
  const backing = wanted.get('backing_file');
  if (backing === file) {
    throw new Error('Error: Trying to create an image with the same filename as the backing file');
  }
  if (backing !== undefined && !unsafe) {
    await useBacking(file, backing, wanted);
  } else if (backing !== undefined && !wanted.has('backing_fmt')) {
    throw new Error('Backing file specified without backing format');
  }
  if (!wanted.has('size')) {
    throw new Error('Image creation needs a size parameter');
  }
  return wanted;
}

function setUnlessUndefined(map: Map<string, string>, name: string, value: string | undefined): void {
  if (value !== undefined) {
    map.set(name, value);
  }
}

/** Looks at the backing file: the disk is as large as it where no size is given. */
async function useBacking(file: string, backing: string, wanted: Map<string, string>): Promise<void> {
  const format = wanted.get('backing_fmt');
  const place = pathOf(backing);
  if ('refusal' in place) {
    throw new Error(`${place.refusal}\nCould not open backing image.`);
  }
  let opened: Awaited<ReturnType<typeof openImageFile>>;
  try {
    opened = await openImageFile(namedPath(backing, file), format, 'io');
  } catch (error) {
    if (!(error instanceof Failure || error instanceof Qcow2Error)) {
      throw error;
    }
    // The other verbs put the name before the reason.
    const prefix = `Could not open '${bytesOfText(namedPath(backing, file))}': `;
    const why = textOfBytes(error.message);
    throw new Error(`${why.startsWith(prefix) ? why.slice(prefix.length) : why}\nCould not open backing image.`);
  }
  try {
    if (format === undefined) {
      throw new Error(`Backing file specified without backing format\nDetected format of ${opened.format}.`);
    }
    if (!wanted.has('size')) {
      wanted.set('size', String(opened.image?.geometry?.guestSize ?? roundUp(opened.storage.size)));
    }
  } finally {
    await opened.storage.close();
  }
}

/** Up to whole sectors. */
function roundUp(bytes: bigint): bigint {
  return (bytes + 511n) & ~511n;
}

/** Makes the file; one that can't be finished is taken away. */
async function make(name: string, format: string, wanted: GivenOptions, secrets: Secrets): Promise<void> {
  const path = pathOfNew(name);
  // An image that can't be must not cost the file that is there.
  const plan = format === 'qcow2' ? plannedImage(wanted, secrets) : undefined;
  const dataName = wanted.get('data_file');
  await refuseHeld(path);
  refuseNamed(path, wanted);
  const made: NewDiskFile[] = [];
  try {
    const file = await makeNew(path, made);
    if (plan) {
      const data = dataName === undefined ? undefined : await makeNew(namedPath(dataName, ''), made);
      await createImage(plan, file, data, noProgress);
    } else {
      await makeRaw(file, wanted);
    }
  } catch (error) {
    for (const { path } of made) {
      unlinkSync(path);
    }
    throw error;
  } finally {
    await Promise.all(made.map((file) => file.close()));
  }
}

/** The path of the file to make. Throws why the name is none. */
function pathOfNew(name: string): string {
  const place = placeOfNew(name);
  if ('refusal' in place) {
    throw new Error(place.refusal);
  }
  return place.path;
}

function plannedImage(wanted: GivenOptions, secrets: Secrets): CreatePlan {
  const plan = planCreate(newImage(imageOptions(wanted)));
  const needsKey = plan.image.encryption !== undefined;
  return needsKey ? withKey(plan, passphraseOf(secrets, wanted.get('encrypt.key-secret')), ciphers) : plan;
}

/** The file that is written must be none that the image names, by whatever path: its content would be lost. */
function refuseNamed(path: string, wanted: GivenOptions): void {
  const identity = identityOf(path);
  const backing = wanted.get('backing_file');
  if (backing !== undefined && identity !== undefined && identity === identityOf(namedPath(backing, path))) {
    throw new Error('Error: Trying to create an image with the same filename as the backing file');
  }
  const dataFile = wanted.get('data_file');
  if (dataFile !== undefined && (dataFile === path || (identity !== undefined && identity === identityOf(dataFile)))) {
    throw new Error(`The data file ${dataFile} is the image itself: choose another name`);
  }
}

/** Device and inode; undefined for a name of no file. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

async function makeNew(path: string, made: NewDiskFile[]): Promise<NewDiskFile> {
  try {
    const file = await makeFile(path);
    made.push(file);
    return file;
  } catch (error) {
    const system = error instanceof Qcow2Error ? error.system : undefined;
    throw new Error(`Could not create '${path}': ${systemText(system)}`);
  }
}

async function makeRaw(file: NewDiskFile, wanted: GivenOptions): Promise<void> {
  const size = roundUp(sizeValue(wanted.get('size') ?? '0'));
  const preallocation = wanted.get('preallocation') ?? 'off';
  if (preallocation === 'metadata') {
    throw new Error('Unsupported preallocation mode: metadata');
  }
  if (!['off', 'falloc', 'full'].includes(preallocation)) {
    throw new Error(`Parameter 'preallocation' does not accept value '${preallocation}'`);
  }
  await file.resize(size);
  if (preallocation !== 'off' && size > 0n) {
    await file.allocate(0n, size, preallocation === 'full', noProgress);
  }
  await file.flush();
}

/** An image that a program of QEMU has open is not overwritten, as QEMU itself does not. */
async function refuseHeld(path: string): Promise<void> {
  const locks = await locksOn(path)();
  if (locks.state === 'held') {
    throw new Error(`Failed to get "write" lock\nIs another process using the image [${path}]?`);
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
