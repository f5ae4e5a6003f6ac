import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import { requireChangeable } from '../change/refusals.ts';
import { Qcow2Error } from '../error.ts';
import { showExactSize, showSize } from '../format/show.ts';
import type { GuestPorts } from '../image/guestData.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { type Blocker, refuseIfBlocked } from './blockers.ts';
import { grow } from './grow.ts';
import type { Preallocation } from './newImage.ts';
import { trackedSize } from './plannedBitmap.ts';
import { bitmapBlocker } from './resizedBitmaps.ts';
import { TakenClusters } from './resizePlan.ts';
import { shrink } from './shrink.ts';

/** What a user may say of another size for a disk. */
export interface ResizeOptions {
  /** Bytes of the disk afterwards. */
  readonly size: bigint;
  /** The user knows that what is behind the new end is given up. */
  readonly shrink: boolean;
  /** What the clusters of the new part get. */
  readonly preallocation: Preallocation;
  /** The codecs, and the backing file: wanted where the disk grows and is preallocated, or the image names one. */
  readonly ports?: GuestPorts | undefined;
}

const sectorSize = 512n;

/**
 * Plans to give an image's disk another size (qcow2_co_truncate).
 *
 * @throws `Qcow2Error` `bad-argument` for a size that can't be, `refused`, `too-large`, `damaged`, `not-supported`
 */
export async function planResize(
  image: Image,
  storage: Storage,
  from: FileState,
  options: ResizeOptions,
  progress: Progress,
): Promise<ChangeSet> {
  requireChangeable(image, { clusters: false });
  const { geometry } = image;
  if (!geometry) {
    throw new Qcow2Error('damaged', 'The header can’t be read as qcow2: there is nothing to change.');
  }
  const before = trackedSize(geometry);
  await requireResizable(image, before, options);
  const { size: to, preallocation, ports } = options;
  const draft = new Draft(storage);
  const plan = { image, geometry, draft, clusters: new TakenClusters(image, draft, progress), progress };
  if (to < before) {
    await shrink(plan, { from: before, to });
  } else {
    await grow(plan, { from: before, to, preallocation, ports });
  }
  if (image.dataFile) {
    changeDataFile(draft, image.dataFile.name ?? '', before, options);
  }
  return draft.changeSet(`Resize from ${showExactSize(before)} to ${showExactSize(to)}`, from);
}

/** Throws everything that keeps the disk from getting another size at once, what QEMU would say first of all first. */
async function requireResizable(image: Image, before: bigint, options: ResizeOptions): Promise<void> {
  const bitmaps = await bitmapBlocker(image);
  refuseIfBlocked([
    ...argumentBlockers(before, options),
    ...imageBlockers(image, before, options),
    ...(bitmaps ? [bitmaps] : []),
  ]);
}

function* argumentBlockers(before: bigint, { size, preallocation, shrink }: ResizeOptions): Generator<Blocker> {
  if (size <= 0n) {
    yield { says: 'A disk must have at least one sector of 512 bytes.', qemu: 'New image size must be positive' };
  }
  if (preallocation !== 'off' && size <= before) {
    yield {
      says: 'Only what is new can be preallocated, and the disk does not grow.',
      qemu: 'Preallocation can only be used for growing images',
    };
  }
  if (size < before && !shrink) {
    yield {
      says: 'The new size is smaller: what is behind the new end would be given up. Say that this is meant (--shrink).',
      qemu: 'Use the --shrink option to perform a shrink operation.',
    };
  }
  if (size % sectorSize !== 0n) {
    yield {
      says: `${size} bytes are no whole sectors: give a multiple of 512.`,
      qemu: 'The new size must be a multiple of 512',
    };
  }
}

function* imageBlockers(image: Image, before: bigint, { size, ports }: ResizeOptions): Generator<Blocker> {
  if (image.header && image.header.version < 3 && image.snapshots.count > 0) {
    yield {
      says: 'It is of compat 0.10 and has snapshots, which need not know the size of their disk there. Upgrade it to compat 1.1 first.',
      qemu: "Can't resize a v2 image which has snapshots",
    };
  }
  const named = image.backing !== undefined && image.backing.name !== '';
  if (named && size > before && !ports?.backing) {
    yield {
      says: 'Its backing file must be opened first: where it is longer than the disk, it would come up in what is new.',
    };
  }
}

/** The external data file gets the size of the disk. */
function changeDataFile(draft: Draft, name: string, before: bigint, { size, preallocation }: ResizeOptions): void {
  const blocks = preallocation === 'falloc' ? 'allocated' : preallocation === 'full' ? 'written' : 'sparse';
  const cut = size < before;
  draft.dataFile = { size, blocks, cut };
  if (cut) {
    draft.caution(
      `The external data file ${JSON.stringify(name)} is cut to ${showSize(size)}. What it has behind that is kept in the journal where the change is kept to be undone, and else is lost.`,
    );
  }
}
