import { statSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Qcow2Error, systemText } from '../engine/error.ts';
import { type CreatePlan, create, planCreate, withKey } from '../engine/operations/create.ts';
import { newImage } from '../engine/operations/newImage.ts';
import { noProgress } from '../engine/ports.ts';
import { ciphers } from '../platform/ciphers.ts';
import { namedPath } from '../platform/gate.ts';
import { locksOn } from '../platform/locks.ts';
import { makeFile, type NewDiskFile } from '../platform/newFile.ts';
import { systemCode } from '../platform/systemError.ts';
import { imageOptions } from './createOptions.ts';
import { pathOf, placeOfNew } from './formats.ts';
import { type GivenOptions, sizeValue } from './optionList.ts';
import { passphraseOf, type Secrets } from './secrets.ts';

/**
 * Makes the file of an image, and its data file; one that can't be finished is taken away. Throws an `Error` with QEMU's
 * message, and what the engine throws.
 *
 * @param name - as given on the command line
 * @param wanted - the options of all sources together
 * @param below - paths of the files that the image will be read from
 */
export async function makeImage(
  name: string,
  format: string,
  wanted: GivenOptions,
  secrets: Secrets,
  below: readonly string[],
): Promise<void> {
  const path = pathOfNew(name);
  requirePlace(path);
  const dataName = wanted.get('data_file');
  const dataPath = dataName === undefined ? undefined : pathOfNew(dataName);
  if (dataPath !== undefined) {
    requirePlace(dataPath);
  }
  // An image that can't be must not cost the file that is there. A key takes seconds, so the locks are looked at after it.
  const plan = format === 'qcow2' ? plannedImage(wanted, secrets) : undefined;
  await refuseHeld(path);
  if (dataPath !== undefined) {
    await refuseHeld(dataPath);
  }
  refuseLoss(path, dataPath, [...below, ...backingPath(wanted, path)]);
  const made: NewDiskFile[] = [];
  try {
    const file = await makeNew(path, made);
    if (plan) {
      const data = dataPath === undefined ? undefined : await makeNew(dataPath, made);
      await create(plan, file, data, noProgress);
    } else {
      await makeRaw(file, wanted);
    }
  } catch (error) {
    for (const { path } of made) {
      // A device or a pipe was there before, and has nothing of an image.
      if (statSync(path, { throwIfNoEntry: false })?.isFile()) {
        unlinkSync(path);
      }
    }
    throw error;
  } finally {
    await Promise.all(made.map((file) => file.close()));
  }
}

/** The path of the file to make. Throws why the name is none. */
export function pathOfNew(name: string): string {
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

/** The path of the backing file, also where it was not looked at. */
function backingPath(wanted: GivenOptions, path: string): readonly string[] {
  const name = wanted.get('backing_file') ?? '';
  const place = pathOf(name);
  if ('refusal' in place) {
    return [];
  }
  return [place.path === name ? namedPath(name, path) : place.path];
}

/**
 * No file that the image will be read from may be written, by whatever path it is named: its content would be lost.
 * qemu-img compares the names of the image and its backing file alone.
 *
 * @param below - paths of the backing file and of what it names
 */
function refuseLoss(path: string, dataPath: string | undefined, below: readonly string[]): void {
  const own = identityOf(path);
  const data = dataPath === undefined ? undefined : identityOf(dataPath);
  if (data !== undefined && data === own) {
    throw new Error(`The data file ${dataPath} is the image itself: choose another name`);
  }
  const needed = new Set(below.map(identityOf).filter((identity) => identity !== undefined));
  if (own !== undefined && needed.has(own)) {
    throw new Error('Error: Trying to create an image with the same filename as the backing file');
  }
  if (data !== undefined && needed.has(data)) {
    throw new Error(`The data file ${dataPath} is one that the backing file is read from: choose another name`);
  }
}

/** Device and inode; of a file that is not there yet those of its folder, and its name. Undefined where that is none. */
function identityOf(path: string): string | undefined {
  const folder = inodeOf(dirname(path));
  return inodeOf(path) ?? (folder && `${folder}/${basename(path)}`);
}

function inodeOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (systemCode(error) === undefined) {
      throw error;
    }
    return undefined;
  }
}

/** Refuses a path at which no file can be, before anything is looked at that is in the image. */
function requirePlace(path: string): void {
  const system = placeFault(path);
  if (system !== undefined) {
    throw couldNotCreate(path, system);
  }
}

/** The system's code. */
function placeFault(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found) {
      return found.isDirectory() ? 'EISDIR' : undefined;
    }
    return path === '' ? 'ENOENT' : statSync(dirname(path)).isDirectory() ? undefined : 'ENOTDIR';
  } catch (error) {
    return systemCode(error);
  }
}

function couldNotCreate(path: string, system: string | undefined): Error {
  return new Error(`Could not create '${path}': ${systemText(system)}`);
}

async function makeNew(path: string, made: NewDiskFile[]): Promise<NewDiskFile> {
  try {
    const file = await makeFile(path);
    made.push(file);
    return file;
  } catch (error) {
    throw couldNotCreate(path, error instanceof Qcow2Error ? error.system : undefined);
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

/** A file that a program of QEMU has open is not overwritten; qemu-img empties one that is open as raw. */
async function refuseHeld(path: string): Promise<void> {
  const locks = await locksOn(path)();
  if (locks.state === 'held') {
    throw new Error(`Failed to get "write" lock\nIs another process using the image [${path}]?`);
  }
}

/** Up to whole sectors. */
export function roundUp(bytes: bigint): bigint {
  return (bytes + 511n) & ~511n;
}
