import { apply } from '../engine/change/apply.ts';
import type { ChangeSet } from '../engine/change/changeSet.ts';
import { previewOf } from '../engine/change/preview.ts';
import { Qcow2Error, systemText } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { type FileState, noProgress, type Progress, type Storage } from '../engine/ports.ts';
import { type ChangeFile, openToChange } from '../platform/changeFile.ts';
import { openFile } from '../platform/fileStorage.ts';
import { namedPath } from '../platform/gate.ts';
import { journalBeside } from '../platform/journalFile.ts';
import { bytesOfText } from './bytes.ts';
import type { ChangeArguments } from './changeOptions.ts';
import { couldNotOpen } from './imageFile.ts';
import type { ImageSource } from './imageSource.ts';
import type { Output } from './output.ts';
import { previewJson, previewText } from './previewText.ts';
import { warnOfProbing } from './probing.ts';
import { Failure } from './program.ts';
import { watchForWriters } from './writers.ts';

/** An image of which a change is planned. */
export interface Target {
  /** Opened from `storage`; QEMU would open it for writing. */
  readonly image: Image;
  readonly storage: Storage;
  /** For the change set. */
  readonly from: FileState;
  /** As given on the command line, without `file:`. */
  readonly path: string;
}

/** How a verb differs from the others. */
export interface ChangeManner {
  /** What a raw image is refused with. */
  readonly rawFailure?: (path: string) => Failure;
  /** `info`: for an image that QEMU does not open for writing too. */
  readonly purpose?: 'change' | 'info' | 'check' | 'diagnose';
  /** Of the writing, in bytes. */
  readonly progress?: Progress;
  /** See `ApplyOptions`. */
  readonly begun?: () => Promise<void>;
}

/**
 * Plans a change of an image and applies it, or shows it with `--dry-run`. What QEMU refuses to open for writing is
 * refused in its words. Returns the exit status.
 *
 * @param plan - undefined where there is nothing to change
 * @param more - see `ChangeManner`
 */
export async function changeImage(
  source: ImageSource,
  given: ChangeArguments,
  out: Output,
  plan: (target: Target) => Promise<ChangeSet | undefined>,
  { rawFailure = noRaw, purpose = 'change', progress = noProgress, begun }: ChangeManner = {},
): Promise<void> {
  // Opened for reading first: what is refused is refused before anything is locked.
  const opened = await source.open(purpose);
  await opened.storage.close();
  if (opened.format !== 'qcow2') {
    // The verbs that qemu-img has open the image for writing here.
    if (opened.probed && (purpose === 'change' || purpose === 'check')) {
      warnOfProbing(opened.path);
    }
    throw rawFailure(opened.path);
  }
  const { path } = opened;
  const planned = async (storage: Storage, from: FileState): Promise<ChangeSet | undefined> =>
    plan({ image: await openImage(storage), storage, from, path });
  const dataName = opened.image?.dataFile?.name;
  await changeFile(source.name, path, given, out, planned, { dataName, progress, ...(begun && { begun }) });
}

/** What goes with a change of a file. */
interface FileManner extends Pick<ChangeManner, 'progress' | 'begun'> {
  /** The external data file that changes with it, as the image names it. */
  readonly dataName?: string | undefined;
}

/**
 * Plans a change of an image of any format and applies it, or shows it with `--dry-run`.
 *
 * @param name - of the image, as given on the command line, for messages
 * @param plan - undefined where there is nothing to change
 * @param more - see `FileManner`
 */
export async function changeFile(
  name: string,
  path: string,
  { dryRun, keepUndo, journal }: ChangeArguments,
  out: Output,
  plan: (storage: Storage, from: FileState) => Promise<ChangeSet | undefined>,
  { dataName, progress = noProgress, begun }: FileManner = {},
): Promise<void> {
  if (dryRun !== 'no') {
    await showPlan(path, dryRun, out, plan);
    return;
  }
  const file = await openForWriting(name, path);
  const files = [file];
  try {
    const change = await plan(file, await file.state());
    if (change?.dataFile && dataName !== undefined) {
      // QEMU looks for it from the folder that the command runs in.
      files.push(await openForWriting(name, namedPath(dataName, '')));
    }
    if (change) {
      const [, dataFile] = files;
      const options = { keepUndo, progress, ...(dataFile && { dataFile }), ...(begun && { begun }) };
      await apply(change, file, journalBeside(path, journal), options);
    }
  } finally {
    await Promise.all(files.map((one) => one.close()));
  }
}

function noRaw(path: string): Failure {
  return new Failure(`'${bytesOfText(path)}' is a raw image: only qcow2 images are changed`);
}

async function showPlan(
  path: string,
  dryRun: 'human' | 'json',
  out: Output,
  plan: (storage: Storage, from: FileState) => Promise<ChangeSet | undefined>,
): Promise<void> {
  const storage = await openFile(path);
  try {
    const from = { identity: storage.identity, size: storage.size, modified: 0n, changed: 0n };
    const tellWriters = await watchForWriters([{ path, storage }]);
    const change = await plan(storage, from);
    const preview = change && (await previewOf(change, storage));
    out.text(dryRun === 'json' ? previewJson(preview) : previewText(preview));
    await tellWriters();
  } finally {
    await storage.close();
  }
}

/**
 * Opens an image for writing; where another process holds it, QEMU's words come first and then who it is. Throws a
 * `Failure`.
 *
 * @param name - of the image, as given on the command line, for messages
 */
export async function openForWriting(name: string, path: string): Promise<ChangeFile> {
  try {
    return await openToChange(path);
  } catch (error) {
    if (error instanceof Qcow2Error && error.code === 'in-use') {
      throw couldNotOpen(
        name,
        `Failed to get "write" lock\nIs another process using the image [${bytesOfText(path)}]?\n${bytesOfText(error.message)}`,
      );
    }
    if (error instanceof Qcow2Error && error.system !== undefined) {
      throw couldNotOpen(name, `Could not open '${bytesOfText(path)}': ${systemText(error.system)}`);
    }
    throw error;
  }
}
