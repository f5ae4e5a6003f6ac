import type { ChangeSet } from '../change/changeSet.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { planResize, type ResizeOptions } from './resize.ts';

/** The stage of an amend that gives the disk another size. As in QEMU, a smaller one needs no further word. */
export function planAmendedSize(
  image: Image,
  storage: Storage,
  from: FileState,
  { size, ports }: Pick<ResizeOptions, 'size' | 'ports'>,
  progress: Progress,
): Promise<ChangeSet> {
  return planResize(image, storage, from, { size, ports, shrink: true, preallocation: 'off' }, progress);
}
