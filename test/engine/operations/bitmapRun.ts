import assert from 'node:assert/strict';
import type { ChangeSet } from '../../../src/engine/change/changeSet.ts';
import { type Bitmap, bitmapName } from '../../../src/engine/format/bitmaps.ts';
import { readBitmaps } from '../../../src/engine/image/bitmapDirectory.ts';
import { walkBitmap } from '../../../src/engine/image/bitmapRanges.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { type BitmapAction, planBitmap } from '../../../src/engine/operations/bitmap.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { applied } from '../../crash/crashCase.ts';
import { judge } from '../../crash/judge.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

/** A bitmap with its dirty ranges as [guest offset, length] in bytes. */
export interface BitmapSeen {
  readonly name: string;
  readonly fields: Bitmap['fields'];
  readonly dirty: readonly (readonly [number, number])[];
}

/** Does the actions to the bitmap of an image in memory; what is left must be good. Returns a new image. */
export async function act(
  before: MemoryStorage,
  name: string,
  ...actions: readonly BitmapAction[]
): Promise<{ readonly image: MemoryStorage; readonly change: ChangeSet }> {
  const { after, change } = await applied({
    name,
    before,
    plan: (image, storage, from) => planBitmap(image, storage, from, { name: bytes(name), actions }, noProgress),
  });
  assert.deepEqual((await judge(after)).errors, []);
  return { image: after, change };
}

/** Plans the actions, and nothing more. */
export async function plan(
  storage: MemoryStorage,
  name: string,
  ...actions: readonly BitmapAction[]
): Promise<ChangeSet> {
  const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
  return planBitmap(await openImage(storage), storage, from, { name: bytes(name), actions }, noProgress);
}

/** The bitmaps of an image. */
export async function bitmapsIn(storage: Storage): Promise<BitmapSeen[]> {
  const { geometry, bitmapDirectory } = await openImage(storage);
  assert(geometry);
  const seen: BitmapSeen[] = [];
  for (const bitmap of bitmapDirectory ? await readBitmaps(storage, bitmapDirectory) : []) {
    const dirty: (readonly [number, number])[] = [];
    const visit = (state: string, start: bigint, length: bigint): boolean => {
      assert.equal(state, 'dirty');
      return dirty.push([Number(start), Number(length)]) > 0;
    };
    await walkBitmap(storage, geometry, bitmap, 0n, visit, noProgress);
    seen.push({ name: bitmapName(bitmap), fields: bitmap.fields, dirty });
  }
  return seen;
}

/** Makes the first bits of the bitmap of an index all ones: as many as a cluster has, or as there are. */
export async function soil(image: MemoryStorage, index: number): Promise<MemoryStorage> {
  const { bitmapDirectory } = await openImage(image);
  assert(bitmapDirectory);
  const bitmap = (await readBitmaps(image, bitmapDirectory))[index];
  assert(bitmap);
  // The first table entry: all ones.
  image.write(bitmap.fields.bitmap_table_offset, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
  return image;
}

/** A text as bytes. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
