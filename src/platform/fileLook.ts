import { type FSWatcher, watch } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { readFailed } from './systemError.ts';

/** What the system says of a file without reading it. */
export type FileLook =
  /** `stamp` is another one when the file was replaced, or its size or the date of its content is another one. */
  | { readonly state: 'there'; readonly stamp: string }
  /** Gone, or not to be read; the message says why. */
  | { readonly state: 'lost'; readonly message: string };

/** Looks at the file at `path`; never throws. */
export async function lookAt(path: string): Promise<FileLook> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    await access(path, constants.R_OK);
    return { state: 'there', stamp: `${dev}:${ino}:${size}:${mtimeNs}` };
  } catch (error) {
    return { state: 'lost', message: readFailed(`read ${path}`, error).message };
  }
}

/**
 * Calls `heard` when something happens to the entry of `path` in its folder. A hint only: some file systems tell
 * nothing (network, or a folder that is not there), so look now and then as well. Returns the way to end it.
 */
export function watchEntry(path: string, heard: () => void): () => void {
  const name = basename(path);
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, (_, changed) => {
      if (changed === null || changed === name) {
        heard();
      }
    });
    // The folder itself went away: the looks go on and say so.
    watcher.on('error', () => watcher?.close());
  } catch {
    // No folder, or no more watches to be had: the looks are enough.
  }
  return () => watcher?.close();
}
