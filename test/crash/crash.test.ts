import assert from 'node:assert/strict';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { crashChanges } from './changes.ts';
import { applied, type CrashCase, cutOff } from './crashCase.ts';
import { crashImages } from './images.ts';
import { protectedChanges } from './protected.ts';

describe('a change that is cut off at any moment', function () {
  this.timeout(60_000);
  let images: ReadonlyMap<string, MemoryStorage>;

  before(async () => {
    images = await crashImages();
  });

  for (const change of crashChanges) {
    it(`leaves a good image, and its journal gives the old one back: ${change.name}`, async () => {
      let tried = 0;
      for (const one of casesOf(change, images)) {
        for await (const _ of cutOff(one, tried)) {
          // Judged by `cutOff`.
        }
        const { change: done } = await applied(one);
        assert.equal(done.protection !== undefined, protectedChanges.includes(one.name), one.name);
        tried++;
      }
      assert.ok(tried >= 10, `${tried} images`);
    });
  }
});

function casesOf(
  { name, plan, not = [] }: (typeof crashChanges)[number],
  images: ReadonlyMap<string, MemoryStorage>,
): CrashCase[] {
  return [...images]
    .filter(([image]) => !not.includes(image))
    .map(([image, before]) => ({ name: `${name}: ${image}`, before, plan }));
}
