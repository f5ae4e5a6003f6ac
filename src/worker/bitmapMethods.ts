import type { Bitmap } from '../engine/format/bitmaps.ts';
import { unreadableBitmap, walkBitmap } from '../engine/image/bitmapRanges.ts';
import { bitmapDetails, describeBitmap } from '../engine/image/describeLists.ts';
import { bitmapPage } from '../engine/image/entryPages.ts';
import type { Image } from '../engine/image/image.ts';
import type { Progress } from '../engine/ports.ts';
import type { BitmapUse, DirtyRange, RangePage, RangesRequest } from '../protocol/listApi.ts';
import { checkPage, onlyEntry } from './listRequests.ts';
import { noTables } from './noTables.ts';
import { runsByIndex } from './runsByIndex.ts';
import type { Handlers } from './server.ts';

type BitmapMethod = 'bitmaps' | 'bitmap' | 'bitmapUse' | 'dirtyRanges';

/** The methods on bitmaps. */
export function bitmapMethods(image: Image): Pick<Handlers, BitmapMethod> {
  const use = runsByIndex((index, progress) => bitmapUse(image, index, progress));
  return {
    bitmaps: async (request) => {
      checkPage(request);
      return (await bitmapPage(image, request.from, request.count)).map(describeBitmap);
    },
    bitmap: async ({ index }) => bitmapDetails(await bitmapAt(image, index)),
    bitmapUse: ({ index }, context) => use.result(index, context),
    dirtyRanges: (request, { progress }) => dirtyRanges(image, request, progress),
  };
}

async function bitmapAt(image: Image, index: number): Promise<Bitmap> {
  return onlyEntry(await bitmapPage(image, index, 1), 'bitmap directory', index);
}

async function bitmapUse(image: Image, index: number, progress: Progress): Promise<BitmapUse> {
  const { storage, geometry = noTables() } = image;
  const bitmap = await bitmapAt(image, index);
  const unreadable = unreadableBitmap(bitmap, geometry);
  const bytes = { dirty: 0n, unknown: 0n };
  let ranges = 0;
  if (unreadable !== undefined) {
    return { unreadable, ranges, ...bytes };
  }
  await walkBitmap(
    storage,
    geometry,
    bitmap,
    0n,
    (state, _start, length) => {
      ranges++;
      bytes[state] += length;
      return true;
    },
    progress,
  );
  return { ranges, ...bytes };
}

async function dirtyRanges(image: Image, request: RangesRequest, progress: Progress): Promise<RangePage<DirtyRange>> {
  checkPage(request);
  const { storage, geometry = noTables() } = image;
  const bitmap = await bitmapAt(image, request.index);
  const rows: DirtyRange[] = [];
  let next: bigint | undefined;
  if (unreadableBitmap(bitmap, geometry) !== undefined) {
    return { rows };
  }
  await walkBitmap(
    storage,
    geometry,
    bitmap,
    request.from,
    (state, start, length) => {
      if (rows.length === request.count) {
        next = start;
        return false;
      }
      rows.push({ start, length, state });
      return true;
    },
    progress,
  );
  return next === undefined ? { rows } : { rows, next };
}
