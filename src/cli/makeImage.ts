import { statSync, unlinkSync } from 'node:fs';
import { Qcow2Error, systemText } from '../engine/error.ts';
import { type CreatePlan, create, planCreate, withKey } from '../engine/operations/create.ts';
import { newImage } from '../engine/operations/newImage.ts';
import { noProgress } from '../engine/ports.ts';
import { ciphers } from '../platform/ciphers.ts';
import { namedPath } from '../platform/gate.ts';
import { locksOn } from '../platform/locks.ts';
import { makeFile, type NewDiskFile } from '../platform/newFile.ts';
import { imageOptions } from './createOptions.ts';
import { placeOfNew } from './formats.ts';
import { type GivenOptions, sizeValue } from './optionList.ts';
import { passphraseOf, type Secrets } from './secrets.ts';

/**
 * Makes the file of an image, and its data file; one that can't be finished is taken away. Throws an `Error` with QEMU's
 * message, and what the engine throws.
 *
 * @param name - as given on the command line
 * @param wanted - the options of all sources together
 */
export async function makeImage(name: string, format: string, wanted: GivenOptions, secrets: Secrets): Promise<void> {
  const path = pathOfNew(name);
  // An image that can't be must not cost the file that is there. A key takes seconds, so the locks are looked at after it.
  const plan = format === 'qcow2' ? plannedImage(wanted, secrets) : undefined;
  const dataName = wanted.get('data_file');
  await refuseHeld(path);
  refuseNamed(path, wanted);
  const made: NewDiskFile[] = [];
  try {
    const file = await makeNew(path, made);
    if (plan) {
      const data = dataName === undefined ? undefined : await makeNew(namedPath(dataName, ''), made);
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

/** Up to whole sectors. */
export function roundUp(bytes: bigint): bigint {
  return (bytes + 511n) & ~511n;
}
