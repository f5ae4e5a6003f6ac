import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import { planRepair } from '../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { noRepairWords } from '../../src/worker/noRepair.ts';
import { copied, type HeaderValues, ImageBuilder } from '../support/builder.ts';

const salvage = / No repair puts that right\. What can be read of its disk is saved by “Save Guest Disk As…”\.$/;

describe('an image that no repair takes', () => {
  for (const [what, values, words] of [
    ['of an unknown version', { version: 9 }, salvage],
    ['with a header_length that can’t be', { header_length: 5 }, salvage],
    [
      'with an unknown encryption',
      { crypt_method: 7 },
      /^Encryption method 7 is not known\. No repair puts that right\.$/,
    ],
    ['without a geometry', { cluster_bits: 40 }, /^It is no qcow2 image that can be read: /],
  ] satisfies [string, Partial<HeaderValues>, RegExp][]) {
    it(`${what} is known before it is checked, with what helps instead`, async () => {
      const storage = new ImageBuilder(values.cluster_bits ? {} : values).header(values).toStorage();
      const image = await openImage(storage);
      assert.match((await noRepairWords(image)) ?? '', words);
      const from = { identity: '1', size: storage.size, modified: 0n, changed: 0n };
      await assert.rejects(planRepair(image, storage, from, 'all', noProgress), { code: 'refused' });
    });
  }

  it('is not one with wrong tables or flags', async () => {
    const damaged = new ImageBuilder({ incompatible_features: 2n, snapshots_offset: 5n, nb_snapshots: 1 });
    for (const builder of [new ImageBuilder(), damaged.l1(0, copied | 5n)]) {
      assert.equal(await noRepairWords(await openImage(builder.toStorage())), undefined);
    }
  });
});
