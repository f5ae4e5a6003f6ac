import assert from 'node:assert/strict';
import { qemuRefusal } from '../../src/engine/findingTexts.ts';
import { findUnloadableBitmaps, inLoadingOrder } from '../../src/engine/image/bitmapLoading.ts';
import { describe as describeImage } from '../../src/engine/image/describe.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { brokenImages } from '../support/brokenImages.ts';
import { interopImages } from '../support/interopImages.ts';

// That qemu-img says so is tested in brokenImages.test.ts.
describe('what the engine says that QEMU says', function () {
  this.timeout(60_000);

  for (const { name, refused, build } of brokenImages) {
    it(`${name}: ${refused ?? 'no refusal'}`, async () => {
      const image = await openImage(build().toStorage());
      const { findings } = await describeImage(image);
      // The entries of the bitmaps' tables are not read by opening.
      assert.equal(qemuRefusal(inLoadingOrder(findings, await findUnloadableBitmaps(image))), refused);
    });
  }

  it('is nothing for the images that qemu-img made', async () => {
    for (const { name, path, options } of await interopImages()) {
      if (options.includes('raw') || name.startsWith('raw ')) {
        continue;
      }
      const storage = await openFile(path);
      try {
        const { qemuRefusal: message, header } = await describeImage(await openImage(storage));
        assert.deepEqual({ name, message, header: header !== undefined }, { name, message: undefined, header: true });
      } finally {
        await storage.close();
      }
    }
  });
});
