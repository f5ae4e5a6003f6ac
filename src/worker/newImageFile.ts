import { randomBytes } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Qcow2Error } from '../engine/error.ts';
import { type CreatePlan, create, planCreate, withKey } from '../engine/operations/create.ts';
import { type NewImageOptions, newImage } from '../engine/operations/newImage.ts';
import type { Progress } from '../engine/ports.ts';
import { ciphers } from '../platform/ciphers.ts';
import { namedPath } from '../platform/gate.ts';
import { locksOn } from '../platform/locks.ts';
import { makeFile, type NewDiskFile } from '../platform/newFile.ts';
import { placeFiles } from '../platform/placeFiles.ts';
import { readFailed } from '../platform/systemError.ts';
import type { CreateRequest } from './createThread.ts';

/** A file that is being made beside its place. */
interface Part {
  readonly path: string;
  readonly file: NewDiskFile;
}

/**
 * Makes an image, and its external data file if it has one, beside their places first: until both are whole, and
 * whenever that fails, nothing is there but what was there before. The pass phrase is overwritten.
 *
 * @throws `Qcow2Error` `refused` for a place where a file is that the image names, `in-use` for one that another process
 *   has open, and what `newImage`, `create` and `placeFiles` throw
 */
export async function makeImageFile({ path, options, passphrase }: CreateRequest, progress: Progress): Promise<void> {
  const dataFile = namedFile(options.dataFile, path);
  const parts: Part[] = [];
  try {
    await refuseTaken(path, dataFile, namedFile(options.backing?.name, path));
    const plan = planned(options);
    const keyed = passphrase === undefined ? plan : withKey(plan, passphrase, ciphers);
    // The key takes seconds, in which a cancel can't be heard.
    await progress.step(0, 1);
    try {
      const data = dataFile === undefined ? undefined : await makePart(dataFile, parts);
      await create(keyed, await makePart(path, parts), data, progress);
    } finally {
      await Promise.all(parts.map(({ file }) => file.close()));
    }
    placeFiles(parts.map(({ path, file }) => ({ path, part: file.path })));
  } catch (error) {
    for (const { file } of parts) {
      rmSync(file.path, { force: true });
    }
    throw error;
  } finally {
    passphrase?.fill(0);
  }
}

function namedFile(name: Uint8Array | undefined, path: string): string | undefined {
  return name && namedPath(new TextDecoder().decode(name), path);
}

function planned(options: NewImageOptions): CreatePlan {
  const image = newImage(options);
  try {
    return planCreate(image);
  } catch (error) {
    if (error instanceof Qcow2Error && error.system === 'ENOSPC') {
      // In QEMU's words the disk would be full.
      throw new Qcow2Error(
        'too-large',
        `The names of the files don’t fit into the first cluster, which has ${2 ** image.clusterBits} bytes. Choose a larger cluster size.`,
      );
    }
    throw error;
  }
}

/** Nothing takes the place of a file that the image names, or that another process has open. */
async function refuseTaken(path: string, dataFile: string | undefined, backing: string | undefined): Promise<void> {
  if (backing !== undefined) {
    for (const place of [path, dataFile]) {
      if (place !== undefined && isSame(place, backing)) {
        throw new Qcow2Error('refused', `${place} is the backing file, which would be lost. Choose another place.`);
      }
    }
  }
  if (dataFile !== undefined && isSame(path, dataFile)) {
    throw new Qcow2Error('refused', `${path} is the external data file’s place already. Choose another one.`);
  }
  for (const place of [path, dataFile]) {
    if (place !== undefined && (await locksOn(place)()).state === 'held') {
      throw new Qcow2Error('in-use', `Another process has ${place} open. End it first, or choose another place.`);
    }
  }
}

/** Whether two paths are of one file, by whatever links. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [identityOf(one), identityOf(other)];
  return resolve(one) === resolve(other) || (a !== undefined && a === b);
}

/** Device and inode; undefined where there is no file. */
function identityOf(path: string): string | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  } catch (error) {
    throw readFailed(`look at ${path}`, error);
  }
}

async function makePart(path: string, parts: Part[]): Promise<NewDiskFile> {
  const file = await makeFile(`${path}.${randomBytes(6).toString('hex')}.part`, { exclusive: true });
  parts.push({ path, file });
  return file;
}
