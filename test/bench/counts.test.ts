import assert from 'node:assert/strict';
import { describe as describeImage } from '../../src/engine/image/describe.ts';
import { walkExtents } from '../../src/engine/image/extents.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { CountingStorage, MemoryStorage } from '../support/memoryStorage.ts';
import { shuffledImage } from '../support/shuffledImage.ts';

const clusterSize = 65536;

/** A disk of `size` bytes in shuffled host order, as the bench has it. */
function shuffled(size: number): CountingStorage {
  const { metadata, clusters } = shuffledImage(size, 1);
  const file = new MemoryStorage(BigInt(clusters * clusterSize));
  file.write(0n, metadata);
  return new CountingStorage(file);
}

describe('the work on an image of 16 GiB whose every cluster is allocated', () => {
  it('is, for opening, at most the first cluster and the L1 table', async () => {
    const storage = shuffled(2 ** 34);
    await describeImage(await openImage(storage));
    // 32 L2 tables: 256 bytes of L1.
    assert.ok(storage.bytes <= clusterSize + 256, `${storage.bytes} bytes read`);
    assert.ok(storage.calls <= 4, `${storage.calls} reads`);
    const tables = BigInt(3 * clusterSize);
    assert.ok(!storage.touched(tables, storage.size - tables), 'no L2 table, refcount block or data is read');
  });

  it('is, for mapping it, each L2 table once, several tables in a read', async () => {
    const storage = shuffled(2 ** 34);
    const { layer } = await openImage(storage);
    assert.ok(layer);
    storage.reset();
    let extents = 0;
    let clusters = 0;
    const count = (_kind: number, _start: number, length: number): undefined => {
      extents += 1;
      clusters += length;
    };
    await walkExtents({ storage }, layer, { from: 0, to: layer.clusters }, count, noProgress);
    assert.equal(clusters, 2 ** 18);
    assert.ok(extents > 2 ** 18 - 100, 'hardly any neighbours');
    assert.equal(storage.bytes, 32 * clusterSize);
    assert.ok(storage.calls <= 8, `${storage.calls} reads`);
  });

  it('is, for mapping one cluster of it, at most one L2 table', async () => {
    const storage = shuffled(2 ** 34);
    const { layer } = await openImage(storage);
    assert.ok(layer);
    storage.reset();
    await walkExtents({ storage }, layer, { from: 100_000, to: 100_001 }, () => true, noProgress);
    assert.ok(storage.bytes <= clusterSize, `${storage.bytes} bytes read`);
    assert.equal(storage.calls, 1);
  });
});
