import { Qcow2Error } from '../engine/error.ts';
import type { ByteRange } from '../engine/finding.ts';
import type { Bitmap } from '../engine/format/bitmaps.ts';
import { walkBitmapDirectory } from '../engine/image/bitmapDirectory.ts';
import { unreadableBitmap, walkBitmap } from '../engine/image/bitmapRanges.ts';
import type { Image } from '../engine/image/image.ts';
import type { Progress } from '../engine/ports.ts';

/**
 * Visits the dirty ranges of a bitmap from a guest offset on; returning false ends the walk. What can't be read counts
 * as clean. Throws `not-found` or `damaged` where there is no such bitmap, or nothing of it can be read.
 */
export async function dirtyRanges(
  image: Image,
  index: number,
  from: bigint,
  visit: (range: ByteRange) => boolean,
  progress: Progress,
): Promise<void> {
  const { geometry, bitmapDirectory, storage } = image;
  let bitmap: Bitmap | undefined;
  if (bitmapDirectory) {
    await walkBitmapDirectory(storage, bitmapDirectory, ({ entries }) => {
      bitmap ??= entries.find((entry) => entry.index === index);
    });
  }
  if (!bitmap || !geometry) {
    throw new Qcow2Error('not-found', `The image has no bitmap ${index} that can be read.`);
  }
  const why = unreadableBitmap(bitmap, geometry);
  if (why !== undefined) {
    throw new Qcow2Error('damaged', `Bitmap ${index} can’t be drawn. ${why}`);
  }
  await walkBitmap(
    storage,
    geometry,
    bitmap,
    from,
    (state, offset, length) => state !== 'dirty' || visit({ offset, length }),
    progress,
  );
}

/** The next dirty range that starts after an offset, or the last one that ends there or before. */
export async function stepDirty(
  image: Image,
  index: number,
  from: bigint,
  direction: 'next' | 'previous',
  progress: Progress,
): Promise<ByteRange | undefined> {
  let found: ByteRange | undefined;
  await dirtyRanges(
    image,
    index,
    direction === 'next' && from > 0n ? from : 0n,
    (range) => {
      if (direction === 'next') {
        found = range.offset > from ? range : undefined;
        return found === undefined;
      }
      const before = range.offset + range.length <= from;
      found = before ? range : found;
      return before;
    },
    progress,
  );
  return found;
}
