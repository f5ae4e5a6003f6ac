import { renameSync, rmSync, statSync } from 'node:fs';
import { writeFailed } from './systemError.ts';

/** A file that is whole, and still has a name of its own beside the one that it is to have. */
export interface FinishedFile {
  readonly part: string;
  readonly path: string;
}

/**
 * Gives files their names, in their order, in place of the files that have them: all of them, or none. The last one is
 * replaced in one step; those before it are kept under another name until it is.
 *
 * @throws `Qcow2Error` `write-failed` with the system's code; the files that were there are there then
 */
export function placeFiles(files: readonly FinishedFile[]): void {
  const undo: (() => void)[] = [];
  const former: string[] = [];
  for (const { part, path } of files) {
    try {
      if (part === files.at(-1)?.part) {
        renameSync(part, path);
      } else if (isFile(path)) {
        const kept = `${part}.former`;
        renameSync(path, kept);
        undo.unshift(() => renameSync(kept, path));
        former.push(kept);
        renameSync(part, path);
      } else {
        renameSync(part, path);
        undo.unshift(() => rmSync(path));
      }
    } catch (error) {
      for (const act of undo) {
        act();
      }
      throw writeFailed(`replace ${path}`, error);
    }
  }
  for (const kept of former) {
    rmSync(kept);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
