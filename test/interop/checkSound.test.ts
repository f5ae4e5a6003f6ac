import assert from 'node:assert/strict';
import { diagnose } from '../../src/engine/check/diagnose.ts';
import type { FindingCode } from '../../src/engine/finding.ts';
import { findingTexts } from '../../src/engine/findingTexts.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { interopImages } from '../support/interopImages.ts';

/** What some of the images were made for, and of which a check says nothing. */
const expected: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'backing-format-missing',
  'backing-name-unprintable',
  'bitmap-in-use',
  'bitmaps-without-feature-bit',
  'image-corrupt',
  'image-dirty',
  // A size of a state was written into the entry of a snapshot without one.
  'snapshot-vm-state-cut',
]);

describe('A diagnosis of an image that qemu-img made', function () {
  this.timeout(120_000);

  it('finds nothing that qemu-img check does not, also when it decompresses everything', async () => {
    const found: string[] = [];
    for (const { path, name } of await interopImages()) {
      const storage = await openFile(path);
      const { groups, causes } = await diagnose(await openImage(storage), { codecs, deep: true }, noProgress);
      await storage.close();
      const wrong = groups.filter(({ code, additional }) => additional && findingTexts[code].severity !== 'note');
      found.push(
        ...[...wrong, ...causes].filter(({ code }) => !expected.has(code)).map(({ code }) => `${name}: ${code}`),
      );
    }
    assert.deepEqual(found, []);
  });
});
