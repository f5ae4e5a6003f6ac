import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { copied, type ImageBuilder } from '../../support/builder.ts';
import { assertClean, cluster, guest, image, repaired } from '../../support/repairs.ts';

/** An image with the bitmaps `one` and `two`: their directory in cluster 7, their tables in 8 and 9. */
function withBitmaps(): ImageBuilder {
  const built = image({ autoclear_features: 1 });
  const extension = new DataView(new ArrayBuffer(24));
  extension.setUint32(0, 2);
  extension.setBigUint64(8, 64n);
  extension.setBigUint64(16, 7n * cluster);
  built.extension(0x23852875, new Uint8Array(extension.buffer));
  for (const [index, name] of ['one', 'two'].entries()) {
    const at = built.at(7) + BigInt(index * 32);
    built
      .put64(at, built.at(8 + index))
      .put32(at + 8n, 1)
      .put8(at + 16n, 1)
      .put8(at + 17n, 16);
    built.put16(at + 18n, name.length).put(at + 24n, name);
  }
  for (const number of [7, 8, 9]) {
    built.refcount(number, 1);
  }
  return built.truncate(built.at(10));
}

describe('A repair of bitmaps', function () {
  this.timeout(60_000);

  it('opens an image whose bitmap directory is broken again, and names the bitmap that is lost', async () => {
    const built = withBitmaps();
    // The second one's granularity is 2^99 bytes.
    built.put8(built.at(7) + 32n + 17n, 99);
    const { storage, result, change } = await repaired(built);
    assertClean(result);
    const opened = await openImage(storage);
    assert.equal(opened.bitmaps.count, 1);
    assert.deepEqual(
      opened.findings.filter(({ code }) => code.startsWith('bitmap')),
      [],
    );
    assert.match(change?.cautions.join() ?? '', /bitmap “two”.*removed/);
  });

  it('has what leads to no data of a bitmap count as dirty', async () => {
    const built = withBitmaps();
    built.put64(built.at(8), built.at(700));
    const { storage, result } = await repaired(built);
    assertClean(result);
    assert.deepEqual(storage.slice(8n * cluster, 8), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
  });

  it('gives a bitmap up whose table lies on the guest’s data, or on the header, and writes nothing there', async () => {
    for (const place of [5, 0]) {
      const built = withBitmaps();
      built.put64(built.at(7), built.at(place));
      const { storage, result, change } = await repaired(built);
      assert.equal(result.corruptions, 0);
      assert.deepEqual([await guest(storage, 0), await guest(storage, 1)], ['first', 'second']);
      assert.equal((await openImage(storage)).bitmaps.count, 1);
      assert.match(change?.cautions.join() ?? '', /bitmap “one”.*removed/);
      assert.doesNotMatch(change?.cautions.join() ?? '', /of the guest’s disk/);
    }
  });

  it('has a bitmap count as dirty where it leads to the guest’s tables or data, which the guest keeps', async () => {
    for (const place of [4, 5]) {
      const built = withBitmaps();
      built.put64(built.at(8), built.at(place));
      const { storage, result, mended, change } = await repaired(built);
      assertClean(result);
      assert.deepEqual([await guest(storage, 0), await guest(storage, 1)], ['first', 'second']);
      assert.deepEqual(storage.slice(8n * cluster, 8), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1));
      assert.equal(mended.get('clusters-overlap'), 1);
      assert.match(change?.cautions.join() ?? '', /bitmap “one” led to clusters that something else has too/);
    }
  });

  it('leaves a bitmap what is its own by its content, where an entry of the guest’s tables leads to it', async () => {
    const built = withBitmaps();
    built.put64(built.at(8), built.at(10)).refcount(10, 1).put(built.at(10), 'bits').truncate(built.at(11));
    // The L2 table is said to be in the bitmap's data, and a guest cluster in its table.
    built.l1(0, copied | built.at(10)).entry(4, 2, copied | built.at(8));
    const { storage, result, change } = await repaired(built);
    assertClean(result);
    assert.deepEqual([await guest(storage, 0), await guest(storage, 2)], ['first', '']);
    assert.deepEqual(storage.slice(8n * cluster, 8), Uint8Array.of(0, 0, 0, 0, 0, 10, 0, 0));
    assert.equal(new TextDecoder().decode(storage.slice(10n * cluster, 4)), 'bits');
    assert.match(change?.cautions.join() ?? '', /of the guest’s disk/);
  });

  it('reads no bitmap table of gigabytes in a sparse file', async () => {
    const built = withBitmaps();
    built.put32(built.at(7) + 8n, 0xffff_ffff).truncate(1n << 36n);
    const { result, change } = await repaired(built);
    assert.equal(result.corruptions, 0);
    assert.match(change?.cautions.join() ?? '', /bitmap “one”.*removed/);
  });
});
