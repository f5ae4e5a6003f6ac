import assert from 'node:assert/strict';
import { check } from '../../../src/engine/check/check.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { scan } from '../../../src/engine/image/scan.ts';
import {
  copyMetadata,
  type MetadataCopy,
  type MetadataCopyOptions,
} from '../../../src/engine/operations/metadataCopy.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { brokenImages, small, withBitmap, withSnapshot } from '../../support/brokenImages.ts';
import { compressed, copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';

const everything: MetadataCopyOptions = { bitmapData: true, anonymous: false };

async function copyOf(
  storage: Storage,
  options: MetadataCopyOptions = everything,
): Promise<{ file: MemoryStorage; copy: MetadataCopy }> {
  const file = new MemoryStorage(storage.size);
  const target = { write: async (at: bigint, bytes: Uint8Array) => file.write(at, bytes) };
  const copy = await copyMetadata(await openImage(storage), target, options, noProgress);
  assert.equal(file.size, storage.size);
  return { file, copy };
}

/** All that opening, the scan and the check say of a file. */
async function findingsOf(storage: Storage): Promise<unknown> {
  const image = await openImage(storage);
  const opening = image.findings;
  if (!image.geometry) {
    return { opening };
  }
  const lines: string[] = [];
  const mismatches: unknown[] = [];
  const visitor = {
    say: (line: string) => lines.push(line),
    mismatch: (...one: unknown[]) => mismatches.push(one),
  };
  const result = await check(image, visitor, noProgress);
  return { opening, scan: await scan(image, noProgress), result, lines, mismatches };
}

const cluster = 65536n;

describe('A copy of the metadata', () => {
  it('has the same findings as the image, whatever is wrong with it', async () => {
    let same = 0;
    for (const { name, build } of brokenImages) {
      const storage = build().toStorage();
      if ((await openImage(storage)).header) {
        const { file } = await copyOf(storage);
        assert.deepEqual(await findingsOf(file), await findingsOf(storage), name);
        same++;
      }
    }
    assert.ok(same > 70, `${same} images`);
  });

  it('has no guest data, nothing behind the tables, and nothing of what nothing leads to', async () => {
    const image = withSnapshot();
    image.put(image.at(3) + 8n, 'behind the L1 table').put(image.at(6) + 1000n, 'behind the snapshot table');
    image.put(4000, 'behind the header').put(image.at(9), 'lost').truncate(image.at(10));
    const { file, copy } = await copyOf(image.toStorage());
    const text = Buffer.from(file.slice(0n, Number(file.size))).toString('latin1');
    assert.doesNotMatch(text, /data of the guest|behind|lost/);
    assert.match(text, /1snap/);
    assert.equal(copy.leftOut.data, cluster);
    assert.equal(copy.leftOut.unreferenced, 2n * cluster);
    assert.equal(copy.metadata, 7n * cluster);
    assert.deepEqual(copy.names, { 'backing-file': 0, 'data-file': 0, snapshot: 1, bitmap: 0 });
  });

  it('leaves compressed data out', async () => {
    const image = small();
    image
      .entry(4, 1, compressed | image.at(6))
      .put(image.at(6), 'packed')
      .refcount(6, 1);
    image.truncate(image.at(7));
    const { file, copy } = await copyOf(image.toStorage());
    assert.equal(copy.leftOut.compressed, cluster);
    assert.deepEqual(file.slice(image.at(6), 6), new Uint8Array(6));
  });

  it('copies a table that is said to be guest data too, and says so', async () => {
    const image = small();
    image.entry(4, 1, copied | image.at(4));
    const { file, copy } = await copyOf(image.toStorage());
    assert.equal(copy.both, 1n);
    assert.deepEqual(await findingsOf(file), await findingsOf(image.toStorage()));
  });

  it('leaves the bits of bitmaps out where that is wanted', async () => {
    const image = withBitmap();
    const table = image.get64(image.at(6));
    image.put64(table, image.at(12)).put(image.at(12), 'bits').truncate(image.at(13));
    const whole = await copyOf(image.toStorage());
    assert.equal(Buffer.from(whole.file.slice(image.at(12), 4)).toString(), 'bits');
    assert.equal(whole.copy.leftOut.bitmapData, 0n);
    const { file, copy } = await copyOf(image.toStorage(), { ...everything, bitmapData: false });
    assert.deepEqual(file.slice(image.at(12), 4), new Uint8Array(4));
    assert.equal(copy.leftOut.bitmapData, cluster);
    assert.deepEqual(await findingsOf(file), await findingsOf(whole.file));
  });

  it('puts names of the same length in place of the guest’s, and keeps the IDs of snapshots', async () => {
    const image = withSnapshot({ backing_file_offset: 512, backing_file_size: 11 });
    image.put(512, 'secret.name');
    const { file, copy } = await copyOf(image.toStorage(), { ...everything, anonymous: true });
    const text = Buffer.from(file.slice(0n, Number(file.size))).toString('latin1');
    assert.doesNotMatch(text, /secret|snap/);
    assert.equal(text.slice(512, 523), 'xxxxxxxxxxx');
    assert.match(text, /1xxxx/);
    assert.deepEqual(copy.names, { 'backing-file': 1, 'data-file': 0, snapshot: 1, bitmap: 0 });
  });

  it('says how much of the metadata can’t be read', async () => {
    const storage = new FailingStorage(small().toStorage(), [{ sector: Number((4n * cluster) / 512n) }]);
    const { copy } = await copyOf(storage);
    assert.equal(copy.unreadable, 512n);
  });

  it('is refused of a file without a qcow2 header', async () => {
    await assert.rejects(copyOf(new MemoryStorage(1n << 20n)), { code: 'damaged' });
  });

  it('reads of a sparse file of 8 TiB what is in it', async () => {
    const storage = new CountingStorage(new ImageBuilder({ size: 2n ** 43n }).truncate(2n ** 43n).toStorage());
    const { copy } = await copyOf(storage);
    assert.ok(storage.bytes < 2 ** 21, `${storage.bytes} bytes`);
    // Header, refcount table, its block, and an L1 table of two clusters.
    assert.equal(copy.metadata, 5n * cluster);
  });
});
