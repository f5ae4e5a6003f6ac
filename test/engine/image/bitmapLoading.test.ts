import assert from 'node:assert/strict';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { scan } from '../../../src/engine/image/scan.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import type { ImageBuilder } from '../../support/builder.ts';
import { unloadableBitmapCases } from '../../support/findings/bitmapTableCases.ts';

/** QEMU's messages about bitmaps that can't be loaded, by a scan. */
async function messages(image: ImageBuilder): Promise<(string | undefined)[]> {
  const { findings } = await scan(await openImage(image.toStorage()), noProgress);
  return findings.filter(({ code }) => code === 'bitmap-table-unreadable').map((found) => explain(found).qemu);
}

describe('a bitmap that QEMU can’t load', () => {
  for (const { what, image, message } of unloadableBitmapCases) {
    it(`has a table with ${what}: ${message === undefined ? 'it can' : 'it can’t'}`, async () => {
      assert.deepEqual(await messages(image()), message === undefined ? [] : [message]);
    });
  }
});
