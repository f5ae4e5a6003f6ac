import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { type Scan, scan } from '../../../src/engine/image/scan.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { tableTexts } from '../../../src/engine/texts/tables.ts';
import { compressed, copied, ImageBuilder, zero } from '../../support/builder.ts';
import { entryCaseImage, entryCases, entryImage } from '../../support/findings/entryCases.ts';
import { oneBitmap } from '../../support/findings/extensionCases.ts';
import { FailingStorage } from '../../support/memoryStorage.ts';

async function scanOf(storage: Storage): Promise<Scan> {
  return scan(await openImage(storage), noProgress);
}

/** The findings of a scan as `code chain`. */
async function findingsOf(storage: Storage): Promise<string[]> {
  return (await scanOf(storage)).findings.map(({ code, chain }) => `${code} ${chain}`);
}

const cluster = 65536n;

describe('a scan of all tables', () => {
  it('counts the bytes of the guest’s disk by kind', async () => {
    const image = entryImage();
    image
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, zero)
      .entry(4, 2, copied | zero | image.at(6));
    image.entry(4, 3, compressed | image.at(7)).entry(4, 4, copied | (image.at(8) + 512n));
    assert.deepEqual((await scanOf(image.toStorage())).guest, {
      data: cluster,
      compressed: cluster,
      'zero-allocated': cluster,
      'zero-plain': cluster,
      unallocated: 11n * cluster,
      wrong: cluster,
    });
  });

  it('counts no byte past the end of the disk, and every byte that L1 does not reach as wrong', async () => {
    const cut = new ImageBuilder({ size: 65536 + 1 });
    cut
      .l1(0, copied | cut.at(4))
      .entry(4, 1, copied | cut.at(5))
      .entry(4, 0, zero);
    const { guest } = await scanOf(cut.toStorage());
    assert.deepEqual([guest['zero-plain'], guest.data, guest.unallocated], [cluster, 1n, 0n]);
    const short = await scanOf(new ImageBuilder({ size: 2n ** 64n - 1n, l1_size: 1 }).toStorage());
    assert.equal(short.guest.wrong, 2n ** 64n - 1n - 2n ** 29n);
    assert.equal(short.guest.unallocated, 2n ** 29n);
  });

  it('counts subclusters past the end of the disk to no kind', async () => {
    const image = new ImageBuilder({ size: 4096 + 512, incompatible_features: 0x10 });
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5), 0xffff_fff8_0000_0007n);
    const { guest } = await scanOf(image.toStorage());
    assert.deepEqual(guest.data, 4608n);
    assert.deepEqual(guest['zero-allocated'], 0n);
  });

  it('counts the bytes of the file by use', async () => {
    const image = entryImage();
    image
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, compressed | image.at(6))
      .entry(4, 2, compressed | (image.at(6) + 100n));
    image.refcount(5, 1).refcount(6, 2).refcount(9, 1);
    // Header, refcount table and block, L1 and L2 table; cluster 9 is in use by nobody.
    const { host } = await scanOf(image.toStorage());
    assert.deepEqual(host, { metadata: 5n * cluster, data: cluster, compressed: cluster, free: 24n * cluster });
  });

  it('counts shared clusters of snapshots once', async () => {
    const image = entryImage({ nb_snapshots: 2, snapshots_offset: 8 * 65536 });
    image.entry(4, 0, image.at(5));
    for (const [index, l1] of [9, 10].entries()) {
      const entry = image.at(8) + BigInt(index) * 64n;
      image
        .put64(entry, image.at(l1))
        .put32(entry + 8n, 1)
        .put16(entry + 12n, 1)
        .put16(entry + 14n, 1);
      image
        .put32(entry + 36n, 16)
        .put64(entry + 48n, 1 << 20)
        .put(entry + 56n, 'ab')
        .put64(image.at(l1), image.at(4));
    }
    const scanned = await scanOf(image.toStorage());
    assert.equal(scanned.host.data, cluster);
    assert.equal(scanned.host.metadata, 8n * cluster);
    assert.deepEqual(scanned.findings, []);
  });

  it('finds nothing in a good image', async () => {
    const image = entryImage().entry(4, 0, 0x8000_0000_0005_0000n).refcount(5, 1);
    assert.deepEqual(await findingsOf(image.toStorage()), []);
  });

  it('tells every finding’s place in the file and in the guest', async () => {
    const image = entryImage();
    image.entry(4, 3, copied | (image.at(5) + 512n));
    const [found, ...more] = (await scanOf(image.toStorage())).findings;
    assert.deepEqual(more, []);
    assert.equal(found?.code, 'l2-entry-unaligned');
    assert.deepEqual(found?.host, { offset: image.at(4) + 24n, length: 8n });
    assert.deepEqual(found?.guest, { offset: 3n * cluster, length: cluster });
    assert.equal(found?.values.target, '0x50200');
  });
});

describe('the findings of a scan', () => {
  for (const entryCase of entryCases) {
    it(`tell ${entryCase.what}`, async () => {
      assert.deepEqual(await findingsOf(entryCaseImage(entryCase, 'has').toStorage()), entryCase.finds);
      assert.deepEqual(await findingsOf(entryCaseImage(entryCase, 'nearly').toStorage()), []);
    });
  }

  it('tell bad sectors in L2 tables and refcount blocks, and scan the rest', async () => {
    const image = entryImage()
      .entry(4, 0, copied | 0x5_0000n)
      .refcount(5, 1);
    const bad = [{ sector: image.at(2) / 512n }, { sector: image.at(4) / 512n + 1n }];
    const { findings, host } = await scanOf(new FailingStorage(image.toStorage(), bad));
    assert.deepEqual(
      findings.map(({ code, chain, guest }) => ({ code, chain, guest })),
      [
        {
          code: 'l2-entry-unreadable',
          chain: 'L1[0] -> L2[64…127]',
          guest: { offset: 64n * cluster, length: 64n * cluster },
        },
        { code: 'refcount-block-unreadable', chain: 'refcount_table[0]', guest: undefined },
      ],
    );
    assert.equal(findings[0]?.values.error, 'Input/output error');
    assert.equal(host.data, cluster);
  });

  it('tell bad sectors in L1 tables and bitmap tables, and scan the rest', async () => {
    const image = oneBitmap({ size: 1 << 30 }).l1(0, copied | 0x4_0000n);
    const bad = [{ sector: image.at(3) / 512n }, { sector: image.at(6) / 512n }];
    const { findings } = await scanOf(new FailingStorage(image.toStorage(), bad));
    assert.deepEqual(
      findings.map(({ code, chain, values }) => [code, chain, values.error]),
      [
        ['bitmap-table-entry-unreadable', 'bitmap[0] -> table[0]', 'Input/output error'],
        ['l1-entry-unreadable', 'L1[0…1]', 'Input/output error'],
        ['bitmap-table-unreadable', 'bitmap[0]', 'Input/output error'],
      ],
    );
  });

  it('are all tried here', () => {
    const tried = entryCases.flatMap(({ finds }) => finds.map((found) => found.split(' ')[0]));
    const unreadable = Object.keys(tableTexts).filter((code) => code.endsWith('-unreadable'));
    assert.deepEqual(new Set([...tried, ...unreadable]), new Set(Object.keys(tableTexts)));
  });

  it('are counted all, and kept up to 10,000', async () => {
    const image = new ImageBuilder({ size: 1 << 30 });
    image.l1(0, copied | image.at(4)).l1(1, copied | image.at(5));
    for (let index = 0; index < 8192; index += 1) {
      image.entry(4, index, compressed | copied | image.at(6)).entry(5, index, compressed | copied | image.at(6));
    }
    const { findings, findingCount } = await scanOf(image.truncate(image.at(8)).toStorage());
    assert.deepEqual([findings.length, findingCount], [10_000, 16_384]);
  });
});
