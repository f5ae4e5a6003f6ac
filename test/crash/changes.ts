import { planRebase } from '../../src/engine/operations/rebase.ts';
import type { Plan } from './crashCase.ts';

/** A change that is tried on every image that it is for. */
export interface CrashChange {
  readonly name: string;
  readonly plan: Plan;
  /** Images that it is refused on, by name. */
  readonly not?: readonly string[];
}

const longName = 'n'.repeat(255);

/** The backing files that the images have, and get: raw files. */
export const backingNames: readonly string[] = ['base.raw', 'b.raw', longName];

/** Every operation, in the forms in which its writes differ. */
export const crashChanges: readonly CrashChange[] = [
  {
    name: 'rebase to a short name',
    plan: (image, storage, from) => planRebase(image, storage, from, { name: bytes('b.raw'), format: bytes('raw') }),
  },
  {
    name: 'rebase to a name of 255 bytes',
    plan: (image, storage, from) => planRebase(image, storage, from, { name: bytes(longName), format: bytes('raw') }),
    not: ['clusters of 512 bytes'],
  },
  { name: 'rebase to nothing', plan: (image, storage, from) => planRebase(image, storage, from, undefined) },
];

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
