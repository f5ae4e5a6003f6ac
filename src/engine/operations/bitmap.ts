import type { ChangeSet } from '../change/changeSet.ts';
import { Clusters } from '../change/clusters.ts';
import { Draft } from '../change/draft.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { firstRepair, requireChangeable } from '../change/refusals.ts';
import { Qcow2Error } from '../error.ts';
import { explain, isRefused } from '../findingTexts.ts';
import { type Bitmap, bitmapName } from '../format/bitmaps.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { showCount, showSize } from '../format/show.ts';
import { unreadableBitmap, walkBitmap } from '../image/bitmapRanges.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { actOn, type BitmapAction } from './bitmapActions.ts';
import { storeBitmap } from './bitmapData.ts';
import { BitmapDirectorySteps } from './bitmapSteps.ts';
import { nameInTitle } from './nameInTitle.ts';
import { type DirectoryEntry, entryOf, loadedBitmaps, type PlannedBitmap, type StoredTable } from './plannedBitmap.ts';

export type { BitmapAction } from './bitmapActions.ts';

/**
 * Plans actions on the bitmap of a name, one after the other, as one change. All bitmaps that can be relied on are
 * stored anew, as QEMU does when it closes an image, so that the layout is QEMU's; what was there is given back last.
 * If one action can't be done, none is.
 *
 * @param name - as bytes
 * @throws `Qcow2Error` `refused`, `bad-argument`, `not-found`, `too-large`, `damaged`; with `qemu` where qemu-img has a
 *   message
 */
export async function planBitmap(
  image: Image,
  storage: Storage,
  from: FileState,
  { name, actions }: { readonly name: Uint8Array; readonly actions: readonly BitmapAction[] },
  progress: Progress,
): Promise<ChangeSet> {
  requireChangeable(image, { clusters: true });
  for (const action of actions) {
    requireReadable(action);
  }
  const { geometry, header, bitmapDirectory } = image;
  if (!geometry || !header) {
    throw new Qcow2Error('damaged', 'The header can’t be read as qcow2: there is nothing to change.');
  }
  const { bitmaps, removed, lost } = await actOn(image, await loadedBitmaps(image), name, actions);
  const draft = new Draft(storage);
  const loaded = hasBitmaps(header) ? bitmapDirectory : undefined;
  if (bitmapDirectory && !loaded) {
    draft.caution(staleText(bitmapDirectory.count));
  }
  const loss = lost && (await lossText(image, lost, progress));
  if (loss !== undefined) {
    draft.caution(loss);
  }
  await changeHeader(draft, {}, 'Clear the autoclear bits that are not known');
  const clusters = await Clusters.of(image, draft, progress);
  const steps = new BitmapDirectorySteps(draft, clusters, geometry, header.autoclear_features, loaded);
  if (removed) {
    const left = bitmaps.flatMap(({ entry }) => entry ?? []);
    await steps.replace(left, [removed]);
  }
  if (bitmaps.some(({ inconsistent }) => !inconsistent)) {
    const store = (bitmap: PlannedBitmap) => storeBitmap(draft, clusters, geometry, bitmap, progress);
    await storeAll(bitmaps, store, steps);
  }
  return draft.changeSet(titleOf(name, actions), from);
}

/** Stores all bitmaps anew, but for those that are in use, and gives back where they were. */
async function storeAll(
  bitmaps: readonly PlannedBitmap[],
  store: (bitmap: PlannedBitmap) => Promise<StoredTable>,
  steps: BitmapDirectorySteps,
): Promise<void> {
  const entries: DirectoryEntry[] = [];
  const former: Bitmap[] = [];
  for (const bitmap of bitmaps) {
    if (bitmap.inconsistent && bitmap.entry) {
      entries.push(bitmap.entry);
    } else {
      entries.push(entryOf(bitmap, await store(bitmap)));
      former.push(...(bitmap.entry ? [bitmap.entry] : []));
    }
  }
  await steps.replace(entries, former);
}

/** Throws `refused` where QEMU would not open the image that is merged from. */
function requireReadable(action: BitmapAction): void {
  if (action.verb === 'merge' && typeof action.from === 'object') {
    for (const found of action.from.findings) {
      if (isRefused(found.code)) {
        const why = firstRepair(found.code, explain(found).title);
        throw new Qcow2Error('refused', `The bitmap can’t be read from the other image. ${why}`);
      }
    }
  }
}

/** What is lost with the bits of a bitmap. */
async function lossText({ geometry, storage }: Image, bitmap: Bitmap, progress: Progress): Promise<string | undefined> {
  let dirty = 0n;
  if (geometry && unreadableBitmap(bitmap, geometry) === undefined) {
    const count = (_state: unknown, _start: bigint, length: bigint): boolean => {
      dirty += length;
      return true;
    };
    await walkBitmap(storage, geometry, bitmap, 0n, count, progress);
  }
  return dirty === 0n
    ? undefined
    : `Bitmap '${bitmapName(bitmap)}' marks ${showSize(dirty)} of the disk as written: that is given up.`;
}

function staleText(count: number): string {
  const what = count === 1 ? 'The bitmap that is there was' : `The ${showCount(count)} bitmaps that are there were`;
  return `${what} not kept up to date by a program without bitmaps, and can’t be relied on: the header forgets them, and their clusters stay taken until a repair.`;
}

function titleOf(name: Uint8Array, actions: readonly BitmapAction[]): string {
  return `Bitmap '${nameInTitle(name)}': ${actions.map(({ verb }) => verb).join(', ')}`;
}
