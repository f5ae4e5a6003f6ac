import { Qcow2Error } from '../engine/error.ts';
import type { Gate } from '../engine/ports.ts';
import { openFile } from './fileStorage.ts';

/**
 * Opens the files that images name: regular files by plain path, read-only. The caller has the user's word for it.
 * Throws `not-supported` for a name that is never followed (`json:`, protocols, devices, folders), `read-failed` for
 * a file that can't be opened.
 */
export const fileGate: Gate = {
  open: async (name, from) => {
    const path = namedPath(name, from);
    const storage = await openFile(path);
    if (!storage.regular) {
      await storage.close();
      throw new Qcow2Error(
        'not-supported',
        `${path} is a device. Only regular files are opened when an image names them.`,
      );
    }
    return { path, identity: storage.identity, storage };
  },
};

/**
 * The path that a name in an image stands for, spelt as QEMU shows it (block.c, path_combine): relative to the folder
 * of the image that names it, not normalised.
 *
 * @param from - the path of the image that names it; empty where it is looked for from the working directory
 * @throws `Qcow2Error` `not-supported` for a name that is no plain path
 */
export function namedPath(name: string, from: string): string {
  const image = from === '' ? 'The image' : from;
  if (name === '' || name.includes('\0')) {
    throw new Qcow2Error('not-supported', `The name ${JSON.stringify(name)} in ${from || 'the image'} is no path.`);
  }
  const drive = process.platform === 'win32' && /^[A-Za-z]:[\\/]/.test(name);
  // QEMU's path_has_protocol: a colon before the first slash.
  if (!drive && /^[^/\\]*:/.test(name)) {
    throw new Qcow2Error(
      'not-supported',
      `${image} names ${JSON.stringify(name)}, which is not a plain path. json: and protocols are never followed.`,
    );
  }
  if (process.platform === 'win32' && /^[\\/]{2}/.test(name)) {
    throw new Qcow2Error(
      'not-supported',
      `${image} names ${JSON.stringify(name)}, a device or a share of another machine. Neither is ever followed.`,
    );
  }
  if (drive || name.startsWith('/') || (process.platform === 'win32' && name.startsWith('\\'))) {
    return name;
  }
  return folder(from) + name;
}

/** The folder of a path, with its slash; empty for a bare name. */
function folder(path: string): string {
  const windows = process.platform === 'win32' ? path.lastIndexOf('\\') : -1;
  return path.slice(0, Math.max(path.lastIndexOf('/'), windows) + 1);
}
