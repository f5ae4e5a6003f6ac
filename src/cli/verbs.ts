import type { Output } from './output.ts';
import type { VerbName } from './usages.ts';

/** A verb of the command line. */
export interface Verb {
  readonly name: VerbName;
  readonly about: string;
  /** Runs it with the words after the verb; returns the exit status, throws a `Failure` with a message. */
  run(args: readonly string[], out: Output): Promise<number>;
}

/** The verbs that are there. A verb's code is loaded when it is asked for, since most of a run's time is its start. */
export const verbs: readonly Verb[] = [
  {
    name: 'create',
    about: 'Makes a new image, the same to the byte as qemu-img makes it.',
    run: async (...words) => (await import('./create.ts')).create(...words),
  },
  {
    name: 'info',
    about: 'What an image is, as qemu-img tells it.',
    run: async (...words) => (await import('./info.ts')).info(...words),
  },
  {
    name: 'check',
    about:
      'Checks the tables and refcounts of an image, with qemu-img’s counts, messages and exit codes. -r repairs, where no data can be lost by it.',
    run: async (...words) => (await import('./check.ts')).check(...words),
  },
  {
    name: 'repair',
    about: 'Puts right what a check finds, all or by code, so that nothing is lost that is not lost already.',
    run: async (...words) => (await import('./repair.ts')).repair(...words),
  },
  {
    name: 'map',
    about: 'Where each range of the guest disk lies, through the backing chain, as qemu-img tells it.',
    run: async (...words) => (await import('./map.ts')).map(...words),
  },
  {
    name: 'rebase',
    about: 'Changes the names of the backing file and its format in the header.',
    run: async (...words) => (await import('./rebase.ts')).rebase(...words),
  },
  {
    name: 'resize',
    about: 'Gives the disk of a qcow2 or raw image another size, as qemu-img does.',
    run: async (...words) => (await import('./resize.ts')).resize(...words),
  },
  {
    name: 'amend',
    about: 'Changes options of an image, such as its compatibility level, as qemu-img does. `-o help` lists them.',
    run: async (...words) => (await import('./amend.ts')).amend(...words),
  },
  {
    name: 'bits',
    about: 'Sets or clears the bit `dirty` or `corrupt`, if the bit is named twice: what it means is said first.',
    run: async (...words) => (await import('./bits.ts')).bits(...words),
  },
  {
    name: 'recover',
    about: 'Rolls back a change that was interrupted: the image is as it was before, to the byte.',
    run: async (...words) => (await import('./takeBack.ts')).recover(...words),
  },
  {
    name: 'undo',
    about: 'Takes back the last change that was made with --keep-undo, or in the editor.',
    run: async (...words) => (await import('./takeBack.ts')).undo(...words),
  },
  {
    name: 'bitmap',
    about: 'Adds and changes bitmaps, which record what is written, as qemu-img does.',
    run: async (...words) => (await import('./bitmap.ts')).bitmap(...words),
  },
  {
    name: 'snapshot',
    about: 'Lists the snapshots of a disk, takes one, brings the disk back to one, or deletes one.',
    run: async (...words) => (await import('./snapshot.ts')).snapshot(...words),
  },
  {
    name: 'salvage',
    about: 'Saves the guest disk of an image, however broken, to a raw file, and lists what is missing.',
    run: async (...words) => (await import('./salvage.ts')).salvage(...words),
  },
  {
    name: 'metadata-copy',
    about: 'Copies all metadata of an image and no guest data to a sparse file, for a bug report.',
    run: async (...words) => (await import('./metadataCopy.ts')).metadataCopy(...words),
  },
  {
    name: 'diff',
    about: 'Compares two images by their metadata: headers, tables, snapshots, bitmaps, refcounts, findings.',
    run: async (...words) => (await import('./diff.ts')).diff(...words),
  },
  {
    name: 'dump',
    about: 'Every field on disk with its bytes, value and meaning, and what is wrong with it.',
    run: async (...words) => (await import('./dump.ts')).dump(...words),
  },
];

/** qemu-img's other verbs. */
export const notYet: readonly string[] = ['bench', 'commit', 'compare', 'convert', 'dd', 'measure'];
