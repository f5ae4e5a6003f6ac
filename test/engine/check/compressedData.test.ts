import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { diagnose } from '../../../src/engine/check/diagnose.ts';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress, type Progress } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { compressed, copied, ImageBuilder } from '../../support/builder.ts';

const clusterSize = 65536;

/** An image with compressed data of one sector each at the start of cluster 5, for guest clusters from 0 on. */
function holding(...data: readonly Uint8Array[]): ImageBuilder {
  const image = new ImageBuilder();
  image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .refcount(5, data.length)
    .truncate(image.at(6));
  for (const [index, bytes] of data.entries()) {
    const at = image.at(5) + BigInt(index * 512);
    image.put(at, bytes).entry(4, index, compressed | at);
  }
  return image;
}

async function undecodable(image: ImageBuilder, deep = true, progress: Progress = noProgress) {
  const diagnosis = await diagnose(await openImage(image.toStorage()), { codecs, deep }, progress);
  return { diagnosis, found: diagnosis.findings('compressed-undecodable', 0, 99) };
}

describe('A deep diagnosis', () => {
  const whole = deflateRawSync(new Uint8Array(clusterSize).fill(7));
  const short = deflateRawSync(new Uint8Array(100));
  const garbage = new Uint8Array(512).fill(0xff);

  it('decompresses every compressed cluster, and tells of those that do not give a whole one', async () => {
    const { diagnosis, found } = await undecodable(holding(whole, garbage, short, whole));
    assert.equal(diagnosis.result?.corruptions, 0);
    assert.deepEqual(
      found.map(({ chain, guest, host }) => [chain, guest?.offset, host]),
      [
        ['L1[0] -> L2[1]', 65536n, { offset: 5n * 65536n + 512n, length: 512n }],
        ['L1[0] -> L2[2]', 131072n, { offset: 5n * 65536n + 1024n, length: 512n }],
      ],
    );
    const [, second] = found;
    assert.ok(second);
    assert.match(explain(second).title, /it gives 100 of 65536 bytes$/);
    assert.deepEqual(
      diagnosis.impacts.map(({ kind, guest }) => [kind, guest.offset, guest.length]),
      [['unreadable', 65536n, 131072n]],
    );
  });

  it('is asked for: else nothing is decompressed', async () => {
    const { diagnosis } = await undecodable(holding(garbage), false);
    assert.deepEqual(diagnosis.groups, []);
  });

  it('reads data by the compression type of the image', async () => {
    const image = holding(whole).header({ incompatible_features: 8, compression_type: 1 });
    assert.equal((await undecodable(image)).found.length, 1);
  });

  it('leaves out what lies past the end of the file: that is another finding', async () => {
    const image = holding(whole);
    image.entry(4, 1, compressed | image.at(50));
    assert.deepEqual((await undecodable(image)).found, []);
  });

  it('can be stopped while it decompresses', async () => {
    const stop: Progress = {
      step: async (done, total) => {
        if (done > total * 0.5) throw new Qcow2Error('cancelled', 'Stopped.');
      },
    };
    await assert.rejects(undecodable(holding(whole, whole, whole, whole), true, stop), { code: 'cancelled' });
  });
});
