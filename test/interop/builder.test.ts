import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { small, withBitmap, withSnapshot } from '../support/brokenImages.ts';
import { ImageBuilder } from '../support/builder.ts';
import { qemuImg } from '../support/qemu.ts';

const images: Readonly<Record<string, () => ImageBuilder>> = {
  'an empty one': () => new ImageBuilder(),
  'version 2 with clusters of 512 bytes and an L1 table of many clusters': () =>
    new ImageBuilder({ version: 2, cluster_bits: 9, size: 1 << 28 }),
  'one with a data cluster': () => small(),
  'one with refcounts of 1 bit': () => small({ refcount_order: 0 }),
  'one with refcounts of 64 bits': () => small({ refcount_order: 6 }),
  'one with extended L2 entries': () => new ImageBuilder({ incompatible_features: 16, size: 1n << 40n }),
  'one with a snapshot': () => withSnapshot(),
  'one with a bitmap': () => withBitmap(),
};

describe('the images that the builder makes', () => {
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-builder-'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  for (const [name, build] of Object.entries(images)) {
    it(`are valid for qemu-img check: ${name}`, async () => {
      const path = join(folder, 'disk.qcow2');
      await writeFile(path, build().toBytes());
      assert.doesNotMatch(await qemuImg(['check', '--output=json', path]), /corruptions|leaks/);
    });
  }
});
