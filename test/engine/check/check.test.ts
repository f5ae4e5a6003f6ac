import assert from 'node:assert/strict';
import { type CheckResult, check } from '../../../src/engine/check/check.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';
import { shuffledImage } from '../../support/shuffledImage.ts';

const clusterSize = 65536;

/** What a check has said. */
interface Checked {
  readonly result: CheckResult;
  readonly lines: readonly string[];
  /** `[cluster, refcount, references]`. */
  readonly mismatches: readonly (readonly [number, number | bigint, number])[];
}

async function checked(storage: Storage, countBytes?: number): Promise<Checked> {
  const lines: string[] = [];
  const mismatches: [number, number | bigint, number][] = [];
  const visitor = {
    say: (line: string) => lines.push(line),
    mismatch: (...one: [number, number | bigint, number]) => mismatches.push(one),
  };
  const result = await check(await openImage(storage), visitor, noProgress, countBytes);
  return { result, lines, mismatches };
}

/** A disk of 16 GiB in shuffled host order. */
function shuffled(): MemoryStorage {
  const { metadata, clusters } = shuffledImage(2 ** 34, 1);
  const file = new MemoryStorage(BigInt(clusters * clusterSize));
  file.write(0n, metadata);
  return file;
}

describe('A check', function () {
  this.timeout(60_000);

  it('reads each L2 table and each refcount block of a sound image once', async () => {
    const storage = new CountingStorage(shuffled());
    const { result, lines } = await checked(storage);
    assert.deepEqual(lines, []);
    assert.deepEqual([result.corruptions, result.leaks, result.checkErrors], [0, 0, 0]);
    assert.equal(result.use.allocated, 2 ** 18);
    // 32 L2 tables, 1 MiB in which the 9 refcount blocks lie, and the header, L1 and refcount table.
    assert.ok(storage.bytes <= (32 + 16 + 4) * clusterSize, `${storage.bytes} bytes read`);
    assert.ok(storage.calls <= 48, `${storage.calls} reads`);
  });

  it('reads only that L2 table again in which something is wrong', async () => {
    const file = shuffled();
    // A reserved bit, in the sixth of the tables, which begin at cluster 3.
    const [byte = 0] = file.slice(BigInt(8 * clusterSize) + 7n, 1);
    file.write(BigInt(8 * clusterSize) + 7n, Uint8Array.of(byte | 2));
    const storage = new CountingStorage(file);
    const { result, lines } = await checked(storage);
    assert.equal(lines.length, 1);
    assert.equal(result.corruptions, 1);
    // Once for its entries, once for COPIED, with the refcounts of what they lead to: 9 blocks.
    assert.ok(storage.bytes <= (32 + 16 + 4 + 2 + 9) * clusterSize, `${storage.bytes} bytes read`);
  });

  it('reads each table once more for COPIED where a refcount is too low', async () => {
    const file = shuffled();
    const firstBlock = BigInt((3 + 32) * clusterSize);
    file.write(firstBlock + 2n * 1000n, Uint8Array.of(0, 0));
    const storage = new CountingStorage(file);
    const { lines } = await checked(storage);
    assert.deepEqual(
      lines.map((line) => line.split(' ').slice(0, 2).join(' ')),
      ['ERROR cluster', 'ERROR OFLAG_COPIED'],
    );
    assert.ok(storage.bytes <= (2 * 32 + 16 + 4 + 9) * clusterSize, `${storage.bytes} bytes read`);
  });

  it('says the same with less memory, one part of the file after the other', async () => {
    const storage = shuffled();
    const at = 2n * BigInt(clusterSize) + 200_001n;
    // Refcounts of some clusters far into the file, and of none.
    storage.write(at, Uint8Array.of(7, 0, 9));
    const whole = await checked(storage);
    const inParts = await checked(storage, clusterSize);
    assert.ok(whole.mismatches.length > 0);
    assert.deepEqual(inParts, whole);
  });

  it('takes of a sparse file of 8 TiB what is in it', async () => {
    const image = new ImageBuilder({ size: 2n ** 43n });
    image.truncate(2n ** 43n);
    const storage = new CountingStorage(image.toStorage());
    const { result } = await checked(storage);
    assert.ok(storage.calls < 64, `${storage.calls} reads`);
    assert.ok(storage.bytes < 2 ** 21, `${storage.bytes} bytes`);
    assert.equal(result.checkErrors, 0);
  });

  it('does not count what the header says of tables that no program reads, in a sparse file of terabytes', async () => {
    const image = new ImageBuilder({ refcount_table_clusters: 2 ** 31 });
    image.extension(0x0537be77, [0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0]).truncate(2n ** 50n);
    const { result } = await checked(image.toStorage());
    assert.equal(result.checkErrors, 0);
  });

  it('goes past 2^31 clusters, where qemu-img says that the file is too large', async () => {
    const image = new ImageBuilder({ cluster_bits: 9, size: 2n ** 15n });
    const far = 2 ** 31 + 5;
    image.l1(0, copied | image.at(5)).entry(5, 0, copied | image.at(far));
    image.refcount(5, 1).truncate(image.at(far + 1));
    const { mismatches, result } = await checked(image.toStorage());
    assert.deepEqual(mismatches, [[far, 0, 1]]);
    // The refcount, and COPIED, which does not fit it.
    assert.deepEqual([result.corruptions, result.leaks, result.checkErrors], [2, 0, 0]);
    assert.equal(result.imageEndOffset, BigInt(far + 1) * 512n);
  });

  it('tells of each cluster whose refcount is not its number of references', async () => {
    const image = new ImageBuilder();
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, image.at(6));
    image
      .refcount(4, 1)
      .refcount(5, 2)
      .refcount(7, 3)
      .truncate(8 * clusterSize);
    const { mismatches, result } = await checked(image.toStorage());
    assert.deepEqual(mismatches, [
      [5, 2, 1],
      [6, 0, 1],
      [7, 3, 0],
    ]);
    assert.deepEqual([result.corruptions, result.leaks, result.rebuild], [2, 2, true]);
  });

  it('stops with what it does not know where a table can’t be read', async () => {
    const image = new ImageBuilder();
    image
      .l1(0, copied | image.at(4))
      .refcount(4, 1)
      .truncate(5 * clusterSize);
    const storage = new FailingStorage(image.toStorage(), [{ sector: (4 * clusterSize) / 512 }]);
    const { result, lines } = await checked(storage);
    assert.deepEqual(lines, ['ERROR: I/O error in check_refcounts_l2']);
    assert.deepEqual([result.checkErrors, result.failure], [1, 'EIO']);
  });
});
