import { journalState } from '../engine/change/recovery.ts';
import { Qcow2Error, systemText } from '../engine/error.ts';
import { findUnloadableBitmaps } from '../engine/image/bitmapLoading.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { type FileStorage, openFile } from '../platform/fileStorage.ts';
import { journalBeside } from '../platform/journalFile.ts';
import { bytesOfText } from './bytes.ts';
import { formatRefusal, pathOf, probe, probeBytes } from './formats.ts';
import { type ImageOptions, readImageOptions } from './imageOpts.ts';
import { outputTo } from './output.ts';
import { Failure, programName } from './program.ts';
import { type Purpose, refusalOf } from './refusal.ts';
import { passphraseOf, type Secrets } from './secrets.ts';

/** A file opened as an image of a format. */
export interface ImageFile {
  /** As on the command line, for messages: a path, or options. */
  readonly name: string;
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly storage: FileStorage;
  /** Of qcow2. */
  readonly image?: Image;
  /** Whether nobody said what format it is. */
  readonly probed: boolean;
}

/**
 * Opens an image as qemu-img does: the format is probed where it is not given, and what QEMU refuses is refused in its
 * words. Throws a `Failure`.
 *
 * @param name - as given on the command line: a path, perhaps with `file:` before it
 */
export async function openImageFile(name: string, format: string | undefined, purpose: Purpose): Promise<ImageFile> {
  const place = pathOf(name);
  if ('refusal' in place) {
    throw couldNotOpen(name, bytesOfText(place.refusal));
  }
  return openPath(name, place.path, format, purpose);
}

/**
 * As `openImageFile`, for an image given with `--image-opts`. Throws a `Failure`.
 *
 * @param format - of `-f`, which may not be given too
 * @param secrets - what `--object` has made, for a verb that takes it. A pass phrase must be there where it is named, but
 *   is not tried: nothing is decrypted.
 */
export async function openImageByOptions(
  text: string,
  format: string | undefined,
  purpose: Purpose,
  secrets?: Secrets,
): Promise<ImageFile> {
  if (format !== undefined) {
    throw new Failure('--image-opts and --format are mutually exclusive');
  }
  const options = readImageOptions(text, secrets !== undefined);
  if ('refusal' in options) {
    throw couldNotOpen(text, bytesOfText(options.refusal));
  }
  const file = await openPath(text, options.path, options.driver, purpose);
  const refusal = secrets && file.image?.header && encryptionRefusal(file.image.header.crypt_method, options, secrets);
  if (refusal !== undefined) {
    await file.storage.close();
    throw couldNotOpen(text, bytesOfText(refusal));
  }
  return file;
}

/** Why QEMU does not open an image with these options of its encryption (qcow2_update_options_prepare). */
function encryptionRefusal(
  method: number,
  { encryption, keySecret }: ImageOptions,
  secrets: Secrets,
): string | undefined {
  const has = method === 0 ? undefined : method === 1 ? 'aes' : 'luks';
  if (encryption !== undefined && encryption !== has) {
    return has === undefined
      ? `No encryption in image header, but options specified format '${encryption}'`
      : `Header reported '${has}' encryption format but options specify '${encryption}'`;
  }
  if (has === undefined || keySecret === undefined) {
    return undefined;
  }
  try {
    passphraseOf(secrets, keySecret);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `name`: as on the command line, for messages. */
async function openPath(name: string, path: string, format: string | undefined, purpose: Purpose): Promise<ImageFile> {
  const unknown = formatRefusal(format);
  if (unknown !== undefined) {
    throw couldNotOpen(name, bytesOfText(unknown));
  }
  const storage = await openAnyFile(name, path, purpose);
  const driver = format ?? (await probeFile(storage, name, path));
  const unread = formatRefusal(driver);
  if (unread !== undefined) {
    throw couldNotOpen(name, unread);
  }
  if (driver === 'raw') {
    return { name, path, format: 'raw', storage, probed: format === undefined };
  }
  await warnOfInterrupted(path);
  const image = await openImage(storage);
  // QEMU loads the bitmaps last.
  const refusal = purpose === 'diagnose' ? undefined : refusalOf(image, purpose, await findUnloadableBitmaps(image));
  if (refusal !== undefined) {
    throw couldNotOpen(name, refusal);
  }
  return { name, path, format: 'qcow2', storage, image, probed: format === undefined };
}

/** Says that a change of the image was interrupted; its journal lies beside it. */
export async function warnOfInterrupted(path: string): Promise<void> {
  const found = await journalState(journalBeside(path));
  if (found.state === 'interrupted') {
    outputTo(2).text(
      bytesOfText(
        `${programName}: warning: a change of the image was interrupted ("${found.title}"). Roll it back with: qcow2 recover ${path}\n`,
      ),
    );
  }
}

/** The driver that QEMU would take. */
async function probeFile(storage: FileStorage, name: string, path: string): Promise<string> {
  const start = new Uint8Array(probeBytes);
  try {
    return probe(start.subarray(0, await storage.read(0n, start)), path);
  } catch (error) {
    const system = error instanceof Qcow2Error ? error.system : undefined;
    throw couldNotOpen(name, `Could not read image for determining its format: ${systemText(system)}`);
  }
}

/** QEMU's words for an image that can't be opened. `reason` is a byte string. */
export function couldNotOpen(path: string, reason: string): Failure {
  return new Failure(`Could not open '${bytesOfText(path)}': ${reason}`);
}

/** Opens a file; a failure of the system is told as QEMU's file driver does. */
export async function openAnyFile(name: string, path: string, purpose: Purpose): Promise<FileStorage> {
  try {
    return await openFile(path);
  } catch (error) {
    if (!(error instanceof Qcow2Error)) {
      throw error;
    }
    // EINVAL: a pipe, a socket or a character device. A folder is refused by the system itself where it is to be written.
    const odd = (error.system === 'EISDIR' && purpose !== 'change') || error.system === 'EINVAL';
    const shown = bytesOfText(path);
    throw couldNotOpen(
      name,
      odd
        ? `'file' driver requires '${shown}' to be a regular file`
        : `Could not open '${shown}': ${systemText(error.system)}`,
    );
  }
}

/** The path of a name on the command line. Throws a `Failure` for one that is none. */
export function imagePath(name: string): string {
  const place = pathOf(name);
  if ('refusal' in place) {
    throw couldNotOpen(name, bytesOfText(place.refusal));
  }
  return place.path;
}
