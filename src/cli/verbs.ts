import type { Output } from './output.ts';

/** A verb of the command line. */
export interface Verb {
  readonly name: string;
  readonly usage: string;
  readonly about: string;
  /** Runs it with the words after the verb; returns the exit status, throws a `Failure` with a message. */
  run(args: readonly string[], out: Output): Promise<number>;
}

/** The verbs that are there. A verb's code is loaded when it is asked for, since most of a run's time is its start. */
export const verbs: readonly Verb[] = [
  {
    name: 'create',
    usage: '[-q] [-f FMT] [-b FILE -F FMT] [-u] [-o OPTIONS] [--object OBJECT] FILE [SIZE]',
    about: 'Makes a new image, the same to the byte as qemu-img makes it.',
    run: async (...words) => (await import('./create.ts')).create(...words),
  },
  {
    name: 'info',
    usage: '[-f FMT] [--output=human|json] [--backing-chain] [--no-backing] [-U] [--image-opts] FILE',
    about: 'What an image is, as qemu-img tells it.',
    run: async (...words) => (await import('./info.ts')).info(...words),
  },
  {
    name: 'check',
    usage:
      '[-q] [-f FMT] [--output=human|json] [-r leaks|all] [--dry-run[=json]] [--keep-undo] [--journal FILE] [-U] FILE',
    about:
      'Checks the tables and refcounts of an image, with qemu-img’s counts, messages and exit codes. -r repairs, where no data can be lost by it.',
    run: async (...words) => (await import('./check.ts')).check(...words),
  },
  {
    name: 'repair',
    usage:
      '[-q] [-f FMT] [--only CODE]... [--tables | --table OFFSET=INDEX...] [--dry-run[=json]] [--keep-undo] [--journal FILE] [--object OBJECT] [--image-opts] FILE',
    about: 'Puts right what a check finds, all or by code, so that nothing is lost that is not lost already.',
    run: async (...words) => (await import('./repair.ts')).repair(...words),
  },
  {
    name: 'map',
    usage: '[-f FMT] [--output=human|json] [-s OFFSET] [-l LENGTH] [--no-backing] [-U] [--image-opts] FILE',
    about: 'Where each range of the guest disk lies, through the backing chain, as qemu-img tells it.',
    run: async (...words) => (await import('./map.ts')).map(...words),
  },
  {
    name: 'rebase',
    usage:
      '-u [-b BACKING -F FMT] [-f FMT] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
    about: 'Changes the names of the backing file and its format in the header.',
    run: async (...words) => (await import('./rebase.ts')).rebase(...words),
  },
  {
    name: 'resize',
    usage:
      '[-f FMT] [--preallocation=off|metadata|falloc|full] [-q] [--shrink] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE [+|-]SIZE',
    about: 'Gives the disk of a qcow2 or raw image another size, as qemu-img does.',
    run: async (...words) => (await import('./resize.ts')).resize(...words),
  },
  {
    name: 'amend',
    usage:
      '[-f FMT] [-p] [-q] [-t CACHE] [--force] -o OPTIONS [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
    about: 'Changes options of an image, such as its compatibility level, as qemu-img does. `-o help` lists them.',
    run: async (...words) => (await import('./amend.ts')).amend(...words),
  },
  {
    name: 'bits',
    usage: '[--set BIT] [--clear BIT] [--confirm BIT] [-f FMT] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
    about: 'Sets or clears the bit `dirty` or `corrupt`, if the bit is named twice: what it means is said first.',
    run: async (...words) => (await import('./bits.ts')).bits(...words),
  },
  {
    name: 'recover',
    usage: '[--journal FILE] FILE',
    about: 'Rolls back a change that was interrupted: the image is as it was before, to the byte.',
    run: async (...words) => (await import('./takeBack.ts')).recover(...words),
  },
  {
    name: 'undo',
    usage: '[--although-changed] [--discard] [--journal FILE] FILE',
    about: 'Takes back the last change that was made with --keep-undo, or in the editor.',
    run: async (...words) => (await import('./takeBack.ts')).undo(...words),
  },
  {
    name: 'bitmap',
    usage:
      '(--merge SOURCE | --add | --remove | --clear | --enable | --disable)... [-b SOURCE_FILE [-F FMT]] [-g SIZE] [-f FMT] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE BITMAP',
    about: 'Adds and changes bitmaps, which record what is written, as qemu-img does.',
    run: async (...words) => (await import('./bitmap.ts')).bitmap(...words),
  },
  {
    name: 'snapshot',
    usage:
      '[-l | -a SNAPSHOT | -c SNAPSHOT | -d SNAPSHOT] [-f FMT] [-q] [-U] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
    about: 'Lists the snapshots of a disk, takes one, brings the disk back to one, or deletes one.',
    run: async (...words) => (await import('./snapshot.ts')).snapshot(...words),
  },
  {
    name: 'salvage',
    usage: '[-p] [-l SNAPSHOT | --l1 OFFSET:ENTRIES] [--no-backing] [--force] [--output=human|json] IMAGE OUT',
    about: 'Saves the guest disk of an image, however broken, to a raw file, and lists what is missing.',
    run: async (...words) => (await import('./salvage.ts')).salvage(...words),
  },
  {
    name: 'metadata-copy',
    usage: '[-p] [--anonymous] [--no-bitmap-data] [--force] [--output=human|json] IMAGE OUT',
    about: 'Copies all metadata of an image and no guest data to a sparse file, for a bug report.',
    run: async (...words) => (await import('./metadataCopy.ts')).metadataCopy(...words),
  },
  {
    name: 'diff',
    usage: '[--output=human|json] A B',
    about: 'Compares two images by their metadata: headers, tables, snapshots, bitmaps, refcounts, findings.',
    run: async (...words) => (await import('./diff.ts')).diff(...words),
  },
  {
    name: 'dump',
    usage: '[--output=human|json] [--tables] FILE',
    about: 'Every field on disk with its bytes, value and meaning, and what is wrong with it.',
    run: async (...words) => (await import('./dump.ts')).dump(...words),
  },
];

/** qemu-img's other verbs. */
export const notYet: readonly string[] = ['bench', 'commit', 'compare', 'convert', 'dd', 'measure'];
