import type { ChangeSet } from '../change/changeSet.ts';
import { Qcow2Error } from '../error.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';

/**
 * The stage of an amend that gives the disk another size: `planResize` of `resize.ts`, which grows and shrinks, once it is
 * there. Throws `not-supported`.
 */
export async function planAmendedSize(
  _image: Image,
  _storage: Storage,
  _from: FileState,
  _size: bigint,
  _progress: Progress,
): Promise<ChangeSet> {
  throw new Qcow2Error('not-supported', 'The size can’t be amended yet. Nothing was written.');
}
