import type { FileLock } from './native.ts';
import type { Seek } from './seek.ts';

/** The build for every system takes this file for `native.ts`: there is no lseek, and every byte counts as data. */
export const seek: Seek | undefined = undefined;

/** Blocks can't be allocated. */
export const fallocate: undefined = undefined;

/** Nor given back. */
export const punchHole: undefined = undefined;

/** Nothing can be locked. */
export const fileLock: FileLock | undefined = undefined;
