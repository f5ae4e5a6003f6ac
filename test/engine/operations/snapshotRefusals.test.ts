import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { applied } from '../../crash/crashCase.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { appliedAt, changed, cluster, deletedAt, small, taken, takenAs, usedClusters } from './snapshotImages.ts';

describe('a snapshot is refused, and nothing written,', function () {
  this.timeout(30_000);

  for (const wrong of [0, 1, 2, 3, 4, 5, 6]) {
    it(`where the refcount of cluster ${wrong}, which is in use, is 0`, async () => {
      const one = await changed(small().toStorage(), taken);
      // Every cluster of the new tables has its refcount in block 0, which is found by way of the header.
      const image = await openImage(one);
      assert.ok(image.header);
      const table = one.slice(image.header.refcount_table_offset, 8);
      const block = Buffer.from(table).readBigUInt64BE();
      const used = await usedClusters(one);
      const target = used.has(wrong) ? wrong : Number(block) / cluster;
      one.write(block + BigInt(target * 2), Uint8Array.of(0, 0));
      for (const plan of [taken, appliedAt(0), deletedAt(0)]) {
        await assert.rejects(applied({ name: 'damaged', before: one, plan }), {
          code: 'damaged',
          message: /Repair the refcounts first/,
        });
      }
    });
  }

  it('where all refcounts are 0', async () => {
    const image = small();
    for (let index = 0; index < 7; index++) {
      image.refcount(index, 0);
    }
    await refused(image, { code: 'damaged', message: /is referred to 1 times, and its refcount is 0/ });
  });

  it('where a refcount is too low for the references of all layers together', async () => {
    const image = small();
    image.entry(4, 3, image.at(5));
    await refused(image, { code: 'damaged', message: /referred to 2 times, and its refcount is 1/ });
  });

  it('where data lies in a table', async () => {
    const image = small();
    image.entry(4, 3, image.at(2)).refcount(2, 2);
    await refused(image, { code: 'damaged', message: /belong to a table and to more/ });
  });

  it('where something lies past the end of the file', async () => {
    const image = small();
    image.entry(4, 3, copied | image.at(900));
    await refused(image, { code: 'damaged', message: /past the end of the file/ });
  });

  it('where a refcount can’t get higher, with QEMU’s code', async () => {
    await refused(small({ refcount_order: 0 }), { code: 'too-large', system: 'EINVAL' });
  });

  it('where the data is in an external file, with QEMU’s code', async () => {
    const image = new ImageBuilder({ incompatible_features: 4 }).extension(0x44415441, 'data.raw');
    await refused(image, { code: 'not-supported', system: 'EOPNOTSUPP' });
  });

  it('where the dirty or the corrupt bit is set, or an unknown feature', async () => {
    for (const bits of [1, 2, 1n << 40n]) {
      await refused(small({ incompatible_features: bits }), { code: 'refused' });
    }
  });

  it('where the name is longer than QEMU reads, or has a NUL', async () => {
    for (const name of ['n'.repeat(256), 'a\0b']) {
      const plan = takenAs(name);
      await assert.rejects(applied({ name, before: small().toStorage(), plan }), { code: 'bad-argument' });
    }
  });

  it('where there is no such snapshot', async () => {
    const one = await changed(small().toStorage(), taken);
    for (const plan of [appliedAt(1), deletedAt(1), appliedAt(-1)]) {
      await assert.rejects(applied({ name: 'no snapshot', before: one, plan }), {
        code: 'not-found',
        system: 'ENOENT',
      });
    }
  });

  it('where version 2 can’t hold the size that a snapshot brings back', async () => {
    const one = await changed(small({ version: 2 }).toStorage(), taken);
    one.write(24n, Uint8Array.of(0, 0, 0, 0, 0, 8, 0, 0));
    await assert.rejects(applied({ name: 'v2', before: one, plan: appliedAt(0) }), {
      code: 'refused',
      system: 'EOPNOTSUPP',
    });
  });
});

async function refused(image: ImageBuilder, error: Record<string, unknown>): Promise<void> {
  await assert.rejects(applied({ name: 'refused', before: image.toStorage(), plan: taken }), error);
}
