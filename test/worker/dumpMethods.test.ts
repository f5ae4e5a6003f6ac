import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import { dumpMethods } from '../../src/worker/dumpMethods.ts';
import { progressOf } from '../../src/worker/server.ts';
import { dumpOf } from '../cli/dumped.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

const signal = new AbortController().signal;
const context = { signal, report: () => undefined, progress: progressOf(signal, () => undefined) };

describe('The dump for an editor', () => {
  it('is what the command line prints', async () => {
    const image = new ImageBuilder({ size: 1 << 20 }).extension(0xdeadbeef, 'unknown').backing('base.img', 'raw');
    image.l1(0, copied | image.at(4)).truncate(image.at(5));
    for (const storage of [image.toStorage(), new MemoryStorage()]) {
      const { dumpJson } = dumpMethods(await openImage(storage));
      assert.equal(await dumpJson({ path: 'test.qcow2' }, context), await dumpOf(storage, 'json', false));
    }
  });

  it('is refused where it has more than an editor shows', async () => {
    const most = 2 ** 25;
    const few = await dumpOfNames(50);
    assert.ok(few.length < most && few.length > 50 * 6 * longName.length, String(few.length));
    await assert.rejects(dumpOfNames(90), {
      code: 'too-large',
      message: /more than 32 Mi characters.*qcow2 dump --output=json/,
    });
  });
});

/** Each character of it takes six in JSON. */
const longName = '\u0001'.repeat(65535);

/** The dump of an image with so many snapshots with long names. */
async function dumpOfNames(count: number): Promise<string> {
  const image = new ImageBuilder({ size: 1 << 20, nb_snapshots: count, snapshots_offset: 8n * 65536n });
  let at = image.at(8);
  for (let index = 0; index < count; index++) {
    image.put16(at + 14n, longName.length).put(at + 40n, longName);
    at += BigInt(Math.ceil((40 + longName.length) / 8) * 8);
  }
  const { dumpJson } = dumpMethods(await openImage(image.truncate(at).toStorage()));
  return dumpJson({ path: 'test.qcow2' }, context);
}
