import assert from 'node:assert/strict';
import { diagnose } from '../../../src/engine/check/diagnose.ts';
import type { Finding } from '../../../src/engine/finding.ts';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage } from '../../support/memoryStorage.ts';

const clusterSize = 65536n;

async function causes(image: ImageBuilder, storage: Storage = image.toStorage()): Promise<readonly Finding[]> {
  return (await diagnose(await openImage(storage), { codecs }, noProgress)).causes;
}

function codesOf(found: readonly Finding[]): readonly string[] {
  return found.map(({ code }) => code);
}

/** An image with an L2 table at cluster 4 that leads to the clusters 5 to 12. */
function written(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder(values);
  image.l1(0, copied | image.at(4)).refcount(4, 1);
  for (let index = 0; index < 8; index++) {
    image.entry(4, index, copied | image.at(5 + index)).refcount(5 + index, 1);
  }
  return image.put(image.at(5), 'the guest’s data').truncate(image.at(13));
}

describe('The cause of findings', () => {
  it('is none where nothing is wrong, or single leaked clusters have nothing of a table', async () => {
    assert.deepEqual(await causes(written()), []);
    const image = written().truncate(written().at(20));
    assert.deepEqual(await causes(image.refcount(15, 1).refcount(17, 1).put(image.at(15), 'not a table')), []);
  });

  it('is a lost table where leaked clusters lead to others: danger 1, a damaged l1_table_offset', async () => {
    const image = written().truncate(written().at(20));
    image.header({ l1_table_offset: image.at(14) });
    const [cause, ...more] = await causes(image);
    assert.deepEqual(more, []);
    assert.ok(cause);
    assert.equal(cause.code, 'cause-lost-table');
    // The L1 table at 3 and the L2 table at 4 lead to the L2 table and eight clusters of data.
    assert.deepEqual(
      [cause.host?.offset, cause.values.tables, cause.values.owned, cause.values.leaks],
      [3n * clusterSize, 2, 9, 10],
    );
    assert.match(explain(cause).advice, /Do not let qemu-img repair leaks/);
  });

  it('is one wrong bit where an entry leads past the end, and a leaked cluster is that bit away', async () => {
    const image = written();
    const [cause, ...more] = await causes(image.entry(4, 2, copied | (image.at(7) + 2n ** 40n)));
    assert.deepEqual(more, []);
    assert.ok(cause);
    assert.deepEqual(
      [cause.code, cause.chain, cause.host?.offset, cause.guest?.offset],
      ['cause-wrong-bit', 'L1[0] -> L2[2]', 7n * clusterSize, 2n * clusterSize],
    );
    assert.equal(
      explain(cause).title,
      'One wrong bit: 0x100_0007_0000, past the end of the file, is but for it 0x7_0000, which is leaked',
    );
  });

  it('is no wrong bit where two leaked clusters are a bit away, or the file was cut off', async () => {
    // 23 is a bit away from 7 and from 19.
    const two = written().truncate(written().at(20)).refcount(19, 1);
    assert.deepEqual(codesOf(await causes(two.entry(4, 2, copied | two.at(23)))), []);
    // 12 is a bit away from 8.
    const cut = written().entry(4, 3, 0n).truncate(written().at(12));
    assert.deepEqual(codesOf(await causes(cut)), ['cause-truncated']);
  });

  it('is a lost table where an L1 entry was cleared', async () => {
    const [cause] = await causes(written().l1(0, 0n));
    assert.deepEqual([cause?.code, cause?.chain, cause?.values.owned], ['cause-lost-table', 'cluster 4', 8]);
  });

  it('is no lost table where what looks like one leads to clusters in use', async () => {
    const image = written().truncate(written().at(20));
    // An old copy of the L2 table.
    assert.deepEqual(await causes(image.refcount(15, 1).entry(15, 0, image.at(5)).entry(15, 1, image.at(6))), []);
  });

  it('is a damaged table where leaks have no table of their own', async () => {
    const image = written();
    image.l1(0, copied | image.at(4000)).refcount(4, 0);
    assert.deepEqual(codesOf(await causes(image)), ['cause-damaged-table']);
  });

  it('is that the file was cut off where the refcounts still count what is missing', async () => {
    const [cause, ...more] = await causes(written().truncate(written().at(9)));
    assert.deepEqual(codesOf(more), []);
    assert.ok(cause);
    assert.equal(explain(cause).title, 'The file is cut off at 0x9_0000: it once reached to 0xd_0000 at least');
    assert.deepEqual(cause.host, { offset: 9n * clusterSize, length: 4n * clusterSize });
  });

  it('is a refcount block in the place of an L2 table', async () => {
    const image = written();
    for (let word = 0n; word < 64n; word++) {
      image.put64(image.at(4) + word * 8n, 0x0001_0001_0001_0001n);
    }
    const found = await causes(image);
    assert.deepEqual(codesOf(found.filter(({ code }) => code === 'cause-refcounts-in-table')), [
      'cause-refcounts-in-table',
    ]);
    assert.deepEqual(found.find(({ code }) => code === 'cause-refcounts-in-table')?.host, {
      offset: 4n * clusterSize,
      length: clusterSize,
    });
  });

  it('is no refcount block where an L2 table without COPIED leads past the end of the file', async () => {
    const image = written();
    for (let index = 0; index < 64; index++) {
      image.entry(4, index, image.at(20 + index));
    }
    assert.ok(!codesOf(await causes(image)).includes('cause-refcounts-in-table'));
  });

  it('is a start of zeros where a refcount table follows it', async () => {
    for (const cluster_bits of [9, 12, 16, 21]) {
      const image = new ImageBuilder({ cluster_bits }).put(0, new Uint8Array(512));
      const [cause] = await causes(image);
      assert.deepEqual([cause?.code, cause?.values.size], ['cause-start-zeroed', 1n << BigInt(cluster_bits)]);
    }
    assert.deepEqual(await causes(new ImageBuilder().put(0, new Uint8Array(512)).put64(65536, 0)), []);
  });

  it('is how refcount blocks were made where the leaks are one for each of them', async () => {
    // A refcount block counts 256 clusters of 512 bytes.
    const image = new ImageBuilder({ cluster_bits: 9, size: 1 << 16 });
    image.truncate(image.at(256 * 4));
    for (const block of [1, 2, 3]) {
      image.put64(image.at(1) + BigInt(block * 8), image.at(256 * block));
      image.refcount(256 * block, 1, 256 * block).refcount(256 * block + 1, 1, 256 * block);
    }
    const [cause, ...more] = await causes(image);
    assert.deepEqual(codesOf(more), []);
    assert.deepEqual([cause?.code, cause?.values.leaks], ['cause-leak-per-block', 3]);
  });

  it('is a lost window of the disk where as many clusters in a row are leaked as an L2 table leads to', async () => {
    const image = new ImageBuilder({ cluster_bits: 9 });
    image.truncate(image.at(256));
    for (let cluster = 100; cluster < 164; cluster++) {
      image.refcount(cluster, 1);
    }
    const [cause] = await causes(image);
    assert.deepEqual([cause?.code, cause?.chain, cause?.values.leaks], ['cause-leaked-window', 'cluster 100', 64]);
  });

  it('is looked for in the heads of leaked clusters: most are seen to be no tables there', async () => {
    const image = written().truncate(written().at(2000));
    for (let cluster = 20; cluster < 1020; cluster++) {
      image.refcount(cluster, 1).put(image.at(cluster), 'not a table');
    }
    const storage = new CountingStorage(image.toStorage());
    assert.deepEqual(await causes(image, storage), []);
    assert.ok(storage.bytes < 1000 * 4096 + 3 * 2 ** 20, `${storage.bytes} bytes read`);
  });
});
