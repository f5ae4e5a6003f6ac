import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bitmapName } from '../../src/engine/format/bitmaps.ts';
import { hasBitmaps } from '../../src/engine/format/extensionChecks.ts';
import { readBitmaps } from '../../src/engine/image/bitmapDirectory.ts';
import { walkBitmap } from '../../src/engine/image/bitmapRanges.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { type BitmapAction, planBitmap } from '../../src/engine/operations/bitmap.ts';
import { noProgress, type Storage } from '../../src/engine/ports.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { backingBytes, backingNames } from './backing.ts';
import { applied, type BareState, cutOff, type Plan } from './crashCase.ts';
import { crashImages, imagesAfter } from './images.ts';
import { protectedChanges } from './protected.ts';
import { judgeByQemu } from './qemuJudge.ts';

/** Of how many states one is judged by qemu-img too. */
const unasked = process.env.QCOW2_CRASH === 'all' ? 1 : 100;
const seed = Number(process.env.QCOW2_CRASH_SEED ?? 1);

/** What is done, and how many bitmaps the images have before: `one`, which is dirty, and `two`, which has its bits. */
const changes: readonly {
  readonly name: string;
  readonly bitmaps: 0 | 1 | 2;
  readonly bitmap: string;
  readonly actions: readonly BitmapAction[];
}[] = [
  { name: 'add the first bitmap', bitmaps: 0, bitmap: 'new', actions: [{ verb: 'add' }] },
  {
    name: 'add a bitmap with the bits of another',
    bitmaps: 1,
    bitmap: 'new',
    actions: [
      { verb: 'add', granularity: 1024n },
      { verb: 'merge', name: bytes('one') },
    ],
  },
  { name: 'disable a bitmap', bitmaps: 1, bitmap: 'one', actions: [{ verb: 'disable' }] },
  { name: 'clear a bitmap', bitmaps: 2, bitmap: 'two', actions: [{ verb: 'clear' }] },
  { name: 'remove one bitmap of two', bitmaps: 2, bitmap: 'one', actions: [{ verb: 'remove' }] },
  { name: 'remove the last bitmap', bitmaps: 1, bitmap: 'one', actions: [{ verb: 'remove' }] },
];

/** Images whose bitmaps must be marked as not up to date meanwhile: what says where they are lies in two sectors. */
const acrossSectors = 'bitmaps extension across two sectors';

describe('a change of bitmaps that is cut off at any moment', function () {
  this.timeout(process.env.QCOW2_CRASH === 'all' ? 0 : 300_000);
  let images: readonly ReadonlyMap<string, MemoryStorage>[];
  let folder: string;

  before(async () => {
    images = await bitmapImages();
    folder = mkdtempSync(join(tmpdir(), 'qcow2-crash-'));
    for (const name of backingNames) {
      writeFileSync(join(folder, name), backingBytes);
    }
  });

  after(() => rmSync(folder, { recursive: true }));

  for (const { name, bitmaps, bitmap, actions } of changes) {
    it(`leaves a good image with the old bitmaps or the new ones: ${name}`, async () => {
      const plan: Plan = (image, storage, from) =>
        planBitmap(image, storage, from, { name: bytes(bitmap), actions }, noProgress);
      let tried = 0;
      let states = 0;
      for (const [image, before] of images[bitmaps] ?? []) {
        const one = { name: `${name}: ${image}`, before, plan };
        const { change, after } = await applied(one);
        assert.equal(change.protection !== undefined, protectedChanges.includes(one.name), one.name);
        const known = [await bitmapsOf(before), await bitmapsOf(after)];
        // It does not matter of the first bitmap, which comes, nor of the last one, which goes.
        const mayBeOff = image === acrossSectors || bitmaps === 0 || name === 'remove the last bitmap';
        const allowed = mayBeOff ? [...known, 'not up to date'] : known;
        const asked: BareState[] = [];
        for await (const state of cutOff(one, seed + tried)) {
          const now = await bitmapsOf(state.image);
          assert.ok(allowed.includes(now), `${state.name}: ${now}`);
          if (states++ % unasked === 0) {
            asked.push(state);
          }
        }
        await judgeByQemu(asked, { before, after }, folder);
        tried++;
      }
      assert.ok(tried >= 10, `${tried} images`);
    });
  }
});

/** Images without bitmaps, with one, and with two. */
async function bitmapImages(): Promise<readonly ReadonlyMap<string, MemoryStorage>[]> {
  const all = await crashImages();
  const left = process.env.QCOW2_CRASH === 'all' ? /version 2|^bitmaps/ : /version 2|^bitmaps|2 MiB|^zero|^a longer/;
  const none = new Map([...all].filter(([name]) => !left.test(name)));
  none.set(acrossSectors, withShortHeader(none.get('written')?.clone()));
  none.set('an unknown extension at the end', withUnknownExtension(none.get('written')?.clone()));
  const one = await imagesAfter(none, ['img bitmap --add -g 4k IMAGE one', 'write -P 7 40k 90k']);
  // qemu-img has written the headers anew.
  withShortHeader(one.get(acrossSectors));
  const two = await imagesAfter(one, ['img bitmap --add -g 64k --disable --merge one IMAGE two']);
  withShortHeader(two.get(acrossSectors));
  return [none, one, two];
}

/** Makes the header one of 104 bytes, by which all that comes after it lies 8 bytes before. */
function withShortHeader(image: MemoryStorage | undefined): MemoryStorage {
  assert(image);
  const start = image.slice(0n, 1024);
  image.write(104n, start.subarray(112));
  image.write(100n, Uint8Array.of(0, 0, 0, 104));
  return image;
}

/** Puts an unknown extension behind the others, in the second sector once there are bitmaps. */
function withUnknownExtension(image: MemoryStorage | undefined): MemoryStorage {
  assert(image);
  image.write(504n, Uint8Array.of(0x0b, 0xad, 0xf0, 0x0d, 0, 0, 0, 40, ...new Uint8Array(40).fill(0xaa)));
  return image;
}

/** The bitmaps of an image as text: names, flags, granularities, dirty ranges. */
async function bitmapsOf(storage: Storage): Promise<string> {
  const { header, geometry, bitmapDirectory } = await openImage(storage);
  if (!header || !geometry || !bitmapDirectory) {
    return 'none';
  }
  if (!hasBitmaps(header)) {
    return 'not up to date';
  }
  const told: string[] = [];
  for (const bitmap of await readBitmaps(storage, bitmapDirectory)) {
    const { flags, granularity_bits: granularity } = bitmap.fields;
    const ranges: string[] = [];
    const visit = (state: string, start: bigint, length: bigint): boolean =>
      ranges.push(`${state} ${start}+${length}`) > 0;
    await walkBitmap(storage, geometry, bitmap, 0n, visit, noProgress);
    told.push(`${bitmapName(bitmap)} ${flags} ${granularity} ${ranges.join(',')}`);
  }
  return told.join('; ');
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
