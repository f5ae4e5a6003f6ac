import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import { Qcow2Error } from '../error.ts';
import { showExactSize, showSize } from '../format/show.ts';
import type { FileState, Storage } from '../ports.ts';
import type { Preallocation } from './newImage.ts';

/**
 * Plans to give a raw image another length: all of it is the guest's disk. What a cut gives up is in the journal until
 * the change is complete.
 *
 * @param size - bytes, of any number
 * @throws `Qcow2Error` `bad-argument` for preallocated metadata, which a raw image has not got
 */
export async function planRawResize(
  storage: Storage,
  from: FileState,
  { size, preallocation }: { readonly size: bigint; readonly preallocation: Preallocation },
): Promise<ChangeSet> {
  if (preallocation === 'metadata') {
    throw new Qcow2Error('bad-argument', 'A raw image has no metadata that could be preallocated.', {
      qemu: 'Unsupported preallocation mode: metadata',
    });
  }
  const draft = new Draft(storage);
  const before = storage.size;
  if (size < before) {
    cautionOfLoss(draft, dataBytes(storage, size));
  }
  if (preallocation !== 'off' && size > before) {
    const allocation = { at: before, length: size - before, written: preallocation === 'full' };
    draft.addAllocation('Allocate blocks for what is new', allocation);
  } else if (size !== before) {
    draft.resize(size);
    await draft.endStep(size < before ? 'Cut the file' : 'Make the file longer');
  }
  return draft.changeSet(`Resize from ${showExactSize(before)} to ${showExactSize(size)}`, from);
}

/** Bytes of data behind an offset; holes are none. */
function dataBytes(storage: Storage, from: bigint): bigint {
  const all = [{ length: storage.size - from, data: true }];
  let bytes = 0n;
  for (const { length, data } of storage.extents?.(from, storage.size) ?? all) {
    bytes += data ? length : 0n;
  }
  return bytes;
}

/**
 * Says how much of the guest's data a shrink gives up, if any.
 *
 * @param more - sentences that follow
 */
export function cautionOfLoss(draft: Draft, bytes: bigint, ...more: readonly string[]): void {
  if (bytes > 0n) {
    draft.caution([`${showSize(bytes)} of data behind the new end of the disk are given up.`, ...more].join(' '));
  }
}
