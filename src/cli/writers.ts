import { basename } from 'node:path';
import type { Storage } from '../engine/ports.ts';
import type { FileStorage } from '../platform/fileStorage.ts';
import { type Locks, locksOn } from '../platform/locks.ts';
import { bytesOfText } from './bytes.ts';
import { type Output, outputTo } from './output.ts';
import { programName } from './program.ts';

/** A file that is read, perhaps while others write to it. */
export interface ReadFile {
  readonly path: string;
  readonly storage: Storage & Partial<Pick<FileStorage, 'state'>>;
}

/**
 * Remembers what files are like; the function returned warns of those that a program has open for writing, or that were
 * written to meanwhile, and tells whether one was. No lock is taken to look at an image, so that what is told of one that a
 * VM writes may never have been so: QEMU writes tables, refcounts and data one after the other, and keeps some back.
 */
export async function watchForWriters(files: readonly ReadFile[]): Promise<(errors?: Output) => Promise<boolean>> {
  const before = await Promise.all(files.map(stateOf));
  return async (errors = outputTo(2)) => {
    let changed = false;
    for (const [index, file] of files.entries()) {
      const writer = writerOf(await locksOn(file.path)());
      const same = (await stateOf(file)) === before[index];
      changed ||= !same;
      const why =
        writer !== undefined
          ? `${writer} has ${file.path} open for writing`
          : same
            ? undefined
            : `${file.path} was written to while it was read`;
      if (why !== undefined) {
        const advice = `What was read may be half written, and what seems wrong may be right. Run it again once ${basename(file.path)} is closed`;
        errors.text(bytesOfText(`${programName}: warning: ${why}. ${advice}.\n`));
      }
    }
    return changed;
  };
}

/** `qemu-io (pid 7)`, or undefined where nobody is known to write. */
function writerOf(locks: Locks): string | undefined {
  if (locks.state !== 'held') {
    return undefined;
  }
  const holder = locks.holders.find(({ use }) => use === 'writes');
  return holder ? `${holder.name} (pid ${holder.pid})` : locks.unseen === 'writes' ? 'Another program' : undefined;
}

async function stateOf({ storage }: ReadFile): Promise<string | undefined> {
  const state = await storage.state?.();
  return state && `${state.size} ${state.modified}`;
}
