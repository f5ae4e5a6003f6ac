import assert from 'node:assert/strict';
import { asGuestOffset } from '../../../src/engine/image/geometry.ts';
import { extentKinds } from '../../../src/engine/image/kinds.ts';
import { type Lookup, lookup } from '../../../src/engine/image/lookup.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import type { Storage } from '../../../src/engine/ports.ts';
import { compressed, copied, ImageBuilder, zero } from '../../support/builder.ts';
import { CountingStorage, FailingStorage } from '../../support/memoryStorage.ts';

async function at(storage: Storage, guest: number | bigint): Promise<Lookup> {
  const image = await openImage(storage);
  assert(image.layer);
  return lookup(image, image.layer, asGuestOffset(BigInt(guest)));
}

function builder(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 1 << 20, ...values });
  return image.l1(0, copied | image.at(4)).truncate(image.at(32));
}

describe('the way of a guest offset', () => {
  it('leads over L1 and L2 to the byte in the host file', async () => {
    const image = builder();
    image.entry(4, 3, copied | image.at(9));
    assert.deepEqual(await at(image.toStorage(), 3 * 65536 + 77), {
      guest: 196685n,
      l1: { index: 0, offset: image.at(3), entry: copied | image.at(4) },
      l2: { index: 3, offset: image.at(4) + 24n, entry: copied | image.at(9) },
      kind: extentKinds.normal,
      host: image.at(9) + 77n,
    });
  });

  it('reads one L2 entry', async () => {
    const image = builder();
    const storage = new CountingStorage(image.toStorage());
    const opened = await openImage(storage);
    assert(opened.layer);
    storage.reset();
    await lookup(opened, opened.layer, asGuestOffset(70_000n));
    assert.deepEqual(storage.ranges, [{ at: image.at(4) + 8n, length: 8 }]);
  });

  it('leads to the start of the compressed data', async () => {
    const image = builder();
    // 3 additional sectors: bits 54 and up with clusters of 64 KiB.
    image.entry(4, 1, compressed | (3n << 54n) | 0x5_1234n);
    const found = await at(image.toStorage(), 65536 + 5);
    assert.equal(found.kind, extentKinds.compressed);
    assert.equal(found.host, 0x5_1234n);
    assert.equal(found.compressedBytes, 4 * 512 - 0x34);
  });

  it('tells the subcluster', async () => {
    const image = builder({ incompatible_features: 0x10 });
    image.entry(4, 0, copied | image.at(5), 0x4_0000_0001n);
    const data = await at(image.toStorage(), 100);
    assert.deepEqual([data.subcluster, data.kind, data.host], [0, extentKinds.normal, image.at(5) + 100n]);
    assert.equal(data.l2?.bitmap, 0x4_0000_0001n);
    const none = await at(image.toStorage(), 2048);
    assert.deepEqual([none.subcluster, none.kind], [1, extentKinds.unallocatedAllocated]);
    assert.equal((await at(image.toStorage(), 4096)).kind, extentKinds.zeroAllocated);
  });

  it('ends where there is nothing', async () => {
    const image = builder().entry(4, 1, zero);
    assert.equal((await at(image.toStorage(), 0)).kind, extentKinds.unallocatedPlain);
    const zeros = await at(image.toStorage(), 65536);
    assert.deepEqual([zeros.kind, zeros.host], [extentKinds.zeroPlain, undefined]);
    const empty = await at(new ImageBuilder().toStorage(), 0);
    assert.deepEqual([empty.kind, empty.l2], [extentKinds.unallocatedPlain, undefined]);
  });

  it('does not go past the end of the disk', async () => {
    const past = await at(builder().toStorage(), 1 << 20);
    assert.deepEqual(past, { guest: 1_048_576n, kind: extentKinds.invalid });
  });

  it('is invalid or unreadable where the tables are', async () => {
    const image = builder();
    const storage = image.toStorage();
    assert.equal(
      (await at(new FailingStorage(storage, [{ sector: image.at(3) / 512n }]), 0)).kind,
      extentKinds.unreadable,
    );
    assert.equal(
      (await at(new FailingStorage(storage, [{ sector: image.at(4) / 512n }]), 0)).kind,
      extentKinds.unreadable,
    );
    image.l1(0, copied | (image.at(4) + 512n));
    assert.equal((await at(storage, 0)).kind, extentKinds.invalid);
  });
});
