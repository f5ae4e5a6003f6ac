import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, planCreate } from '../../src/engine/operations/create.ts';
import { type NewImageOptions, newImage, type Preallocation } from '../../src/engine/operations/newImage.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { parseSize } from '../../src/engine/size.ts';
import { makeFile } from '../../src/platform/newFile.ts';
import { qemuImg } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { type CreateCase, createCases } from './createMatrix.ts';
import { difference } from './sameFile.ts';

/** Bytes by which the blocks of a file may differ from run to run: the file system's own tree of its extents. */
const extentTree = 4096;

function bytes(text: string): bigint {
  const size = parseSize(text);
  assert.ok(typeof size === 'object', text);
  return size.value;
}

function optionsOf({ options, size }: CreateCase): NewImageOptions {
  const { compat, cluster_size, refcount_bits, preallocation } = options;
  return {
    size: bytes(size),
    ...(compat === undefined ? {} : { compat }),
    ...(cluster_size === undefined ? {} : { clusterSize: bytes(cluster_size) }),
    ...(refcount_bits === undefined ? {} : { refcountBits: BigInt(refcount_bits) }),
    ...(preallocation === undefined ? {} : { preallocation: preallocation as Preallocation }),
    lazyRefcounts: options.lazy_refcounts === 'on',
    extendedL2: options.extended_l2 === 'on',
    compressionType: options.compression_type === 'zstd' ? 'zstd' : 'zlib',
  };
}

describe('a new image is qemu-img’s to the byte', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-create-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const one of sampled(createCases(), 40)) {
    const words = Object.entries(one.options).map(([name, value]) => `${name}=${value}`);
    it(`of ${one.size} with ${words.join(',') || 'no options'}`, async () => {
      const theirs = join(folder, 'theirs.qcow2');
      const ours = join(folder, 'ours.qcow2');
      const given = words.length > 0 ? ['-o', words.join(',')] : [];
      await qemuImg(['create', '-q', '-f', 'qcow2', ...given, theirs, one.size]);
      const file = await makeFile(ours);
      // Hundreds of files: waiting for the disk each time tells nothing.
      await create(
        planCreate(newImage(optionsOf(one))),
        { ...file, flush: async () => undefined },
        undefined,
        noProgress,
      );
      await file.close();
      assert.equal(await difference(theirs, ours), undefined);
      if (['falloc', 'full'].includes(one.options.preallocation ?? '')) {
        const [a, b] = [statSync(theirs), statSync(ours)];
        assert.ok(Math.abs(a.blocks - b.blocks) * 512 <= extentTree, `${a.blocks} and ${b.blocks} blocks`);
      }
      rmSync(theirs);
      rmSync(ours);
    });
  }

  it('in at least 200 combinations of options', () => assert.ok(createCases().length >= 200));
});
