import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe as describeImage } from '../../../src/engine/image/describe.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import type { Storage } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage, withoutExtents } from '../../support/memoryStorage.ts';

async function findingsOf(storage: Storage): Promise<string[]> {
  return (await openImage(storage)).findings.map(({ code }) => code);
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const crypto = 0x0537be77;
const bitmaps = 0x23852875;

/** Big endian 64-bit numbers. */
function words(...values: readonly (number | bigint)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  for (const [index, value] of values.entries()) {
    view.setBigUint64(index * 8, BigInt(value));
  }
  return new Uint8Array(view.buffer);
}

describe('opening an image', () => {
  it('finds nothing wrong in a new one', async () => {
    assert.deepEqual(await findingsOf(new ImageBuilder().toStorage()), []);
  });

  it('reads the header, the extensions and the L1 table, and nothing else', async () => {
    const image = new ImageBuilder({ cluster_bits: 21, size: 1n << 40n });
    image
      .l1(0, copied | image.at(4))
      .l1(1, copied | image.at(5))
      .truncate(image.at(100));
    const storage = new CountingStorage(image.toStorage());
    await openImage(storage);
    assert.deepEqual(
      storage.ranges.map(({ at }) => at),
      [0n, image.at(3)],
    );
    assert.equal(storage.bytes, 4096 + image.l1Entries * 8);
  });

  it('reads extensions that are longer than usual to their end, not the whole cluster', async () => {
    const image = new ImageBuilder({ cluster_bits: 21 });
    image.extension(0x1234, new Uint8Array(100_000)).extension(0x5678, 'end').truncate(image.at(10));
    const storage = new CountingStorage(image.toStorage());
    const { extensions } = await openImage(storage);
    assert.deepEqual(
      extensions.map(({ type, length }) => [type, length]),
      [
        [0x1234, 100_000],
        [0x5678, 3],
      ],
    );
    assert(storage.bytes < 120_000, `${storage.bytes} bytes read`);
  });

  it('keeps unknown header fields that are longer than usual', async () => {
    const image = new ImageBuilder({ header_length: 10_000 }).put8(9_999, 7).extension(0x1234, 'after it');
    const { header, extensions } = await openImage(image.toStorage());
    assert.deepEqual([header?.unknownFields.length, header?.unknownFields.at(-1)], [10_000 - 112, 7]);
    assert.deepEqual(
      extensions.map(({ offset, type }) => [offset, type]),
      [[10_000, 0x1234]],
    );
  });

  it('reads the name of a backing file at the end of the first cluster', async () => {
    const image = new ImageBuilder({ backing_file_offset: 65536 - 10, backing_file_size: 10 });
    const { backing, findings } = await openImage(image.put(65526, 'base.qcow2').toStorage());
    assert.equal(backing?.name, 'base.qcow2');
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['backing-format-missing'],
    );
  });

  it('is done at once for a 4-million-entry L1 table in a small file', async () => {
    const image = new ImageBuilder({ size: 1n << 37n, cluster_bits: 9 });
    assert.equal(image.l1Entries, 2 ** 22);
    const storage = new CountingStorage(image.truncate(512 * 100).toStorage());
    const { l1, layer } = await openImage(storage);
    assert.deepEqual([l1.entries, layer?.clusters], [2 ** 22, 2 ** 28]);
    assert(storage.bytes < 512 * 200);
  });

  it('reads no more of an L1 table beyond the limit than the disk needs', async () => {
    const image = new ImageBuilder({ size: 1n << 40n, l1_size: 2 ** 32 - 1 }).truncate(1n << 50n);
    const storage = new CountingStorage(image.toStorage());
    const { l1, findings } = await openImage(storage);
    assert.equal(l1.entries, 2049);
    assert.equal(findings[0]?.code, 'l1-table-too-large');
    assert(storage.bytes < 70_000);
  });

  it('works the same where the system can’t tell holes', async () => {
    const image = new ImageBuilder().toStorage();
    const { storage: _a, file: _b, ...with_ } = await openImage(image);
    const { storage: _c, file: _d, ...without } = await openImage(withoutExtents(image));
    assert.deepEqual(without, with_);
  });
});

describe('opening what is no image', () => {
  const files: readonly (readonly [string, Uint8Array | string, string, RegExp])[] = [
    ['an empty file', '', 'empty', /empty/],
    ['three bytes', 'QFI', 'truncated', /3 bytes/],
    ['a VMDK image', `KDMV${'\0'.repeat(600)}`, 'other-format', /VMDK/],
    ['a qcow image of version 1', 'QFI\xfb\0\0\0\x01', 'qcow2-other-version', /version 1/],
    ['a gzip file', '\x1f\x8b\x08', 'other-format', /compressed with gzip, not qcow2: unpack it first$/],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1', 'other-format', /Git LFS/],
    ['zeros', new Uint8Array(1 << 20), 'unknown', /zeros/],
    ['text', 'hello world', 'unknown', /not known/],
  ];
  for (const [what, content, kind, says] of files) {
    it(`says that it is ${what}`, async () => {
      const bytes = typeof content === 'string' ? Uint8Array.from(content, (c) => c.charCodeAt(0)) : content;
      const opened = await describeImage(await openImage(new MemoryStorage(bytes)));
      assert.equal(opened.file.kind, kind);
      assert.match(opened.file.says, says);
      assert.equal(opened.header, undefined);
      assert(opened.qemuRefusal !== undefined);
    });
  }

  it('recognises an ISO 9660 image by what comes after 32 KiB', async () => {
    const image = new MemoryStorage(1n << 20n);
    image.write(
      32769n,
      Uint8Array.from('CD001', (c) => c.charCodeAt(0)),
    );
    assert.match((await openImage(image)).file.says, /ISO 9660/);
  });

  it('shows a header that the file ends in', async () => {
    const image = new ImageBuilder({ size: 12345 << 9 }).truncate(80).toStorage();
    const { file, header } = await openImage(image);
    assert.equal(file.kind, 'truncated');
    assert.equal(header?.size, BigInt(12345 << 9));
  });

  it('shows the header of a later version as that of version 3', async () => {
    const { file, header, geometry } = await openImage(
      new ImageBuilder({ version: 4, header_length: 112 }).toStorage(),
    );
    assert.equal(file.kind, 'qcow2-other-version');
    assert.equal(header?.header_length, 112);
    assert.equal(geometry?.clusterSize, 65536);
  });
});

describe('opening on a bad disk', () => {
  it('says that the header can’t be read', async () => {
    const { file, findings } = await openImage(new FailingStorage(new ImageBuilder().toStorage(), [{ sector: 0 }]));
    assert.equal(file.kind, 'unreadable');
    assert.deepEqual(
      findings.map(({ code, values, host }) => ({ code, error: values.error, host })),
      [{ code: 'header-unreadable', error: 'Input/output error', host: { offset: 0n, length: 512n } }],
    );
  });

  it('shows everything else where the extensions can’t be read', async () => {
    const image = new ImageBuilder().extension(0x1234, new Uint8Array(1000)).extension(0x5678, 'late');
    const { header, l1, findings } = await openImage(new FailingStorage(image.toStorage(), [{ sector: 1 }]));
    assert.equal(header?.version, 3);
    assert.equal(l1.entries, 1);
    assert.deepEqual(
      findings.map(({ code, host }) => ({ code, host })),
      [{ code: 'extension-unreadable', host: { offset: 512n, length: 512n } }],
    );
  });

  it('tells the guest range of L1 entries that can’t be read', async () => {
    const image = new ImageBuilder({ size: 1n << 40n }).truncate(1 << 20);
    const bad = { sector: image.at(3) / 512n + 1n };
    const { findings, l1 } = await openImage(new FailingStorage(image.toStorage(), [bad]));
    assert.equal(l1.entries, 2048);
    assert.deepEqual(
      findings.map(({ code, chain, host, guest }) => ({ code, chain, host, guest })),
      [
        {
          code: 'l1-table-unreadable',
          chain: 'L1[64…127]',
          host: { offset: image.at(3) + 512n, length: 512n },
          guest: { offset: 64n << 29n, length: 64n << 29n },
        },
      ],
    );
  });

  it('shows the snapshots before a bad sector', async () => {
    const image = new ImageBuilder({ nb_snapshots: 30, snapshots_offset: 8 * 65536 }).truncate(1 << 20);
    for (let index = 0; index < 30; index += 1) {
      image.put32(image.at(8) + BigInt(index) * 56n + 36n, 16);
    }
    const bad = { sector: image.at(8) / 512n + 1n };
    const opened = await openImage(new FailingStorage(image.toStorage(), [bad]));
    assert.deepEqual([opened.snapshots.state, opened.snapshots.count], ['partial', 9]);
    assert.deepEqual(
      opened.findings.map(({ code, values }) => [code, values.index]),
      [['snapshot-table-unreadable', 9]],
    );
  });
});

describe('tables that the header places', () => {
  it('may not overlap', async () => {
    const image = new ImageBuilder({ l1_table_offset: 65536 });
    const { findings } = await openImage(image.toStorage());
    assert.deepEqual(
      findings.map(({ code, values, host }) => [code, values.first, values.second, host]),
      [['tables-overlap', 'the active L1 table', 'the refcount table', { offset: 65536n, length: 65536n }]],
    );
  });

  it('may lie next to each other', async () => {
    const image = new ImageBuilder({ nb_snapshots: 1, snapshots_offset: 4 * 65536 });
    image
      .put64(image.at(4), image.at(5))
      .put32(image.at(4) + 36n, 16)
      .truncate(image.at(8));
    assert.deepEqual(await findingsOf(image.toStorage()), []);
    assert.deepEqual(await findingsOf(image.header({ snapshots_offset: 3 * 65536 }).toStorage()), [
      'snapshot-entry-incomplete',
      'tables-overlap',
    ]);
  });

  it('may not lie past the end of the file', async () => {
    const image = new ImageBuilder({ nb_snapshots: 2, snapshots_offset: 8 * 65536 });
    assert.deepEqual(await findingsOf(image.toStorage()), ['snapshot-table-past-end']);
    image
      .put32(image.at(8) + 36n, 16)
      .put32(image.at(8) + 56n + 36n, 16)
      .truncate(image.at(8) + 112n);
    assert.deepEqual(await findingsOf(image.toStorage()), []);
  });
});

describe('the memory of opening', function () {
  this.timeout(60_000);

  /** Bytes that opening and describing hold at most, measured at each read; garbage does not count. */
  async function heldBy(inner: Storage): Promise<number> {
    collectGarbage();
    const before = held();
    let most = 0;
    const measure = (): void => {
      if (held() - before > bound) {
        collectGarbage();
        collectGarbage();
      }
      most = Math.max(most, held() - before);
    };
    const image = await openImage({
      size: inner.size,
      close: () => inner.close(),
      read: (at, into) => {
        measure();
        return inner.read(at, into);
      },
    });
    measure();
    const described = await describeImage(image);
    measure();
    assert(image.header);
    assert.equal(described.snapshots.count ?? described.snapshots.items.length, image.snapshots.count);
    return most;
  }
  const held = (): number => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  const bound = 64 << 20;

  it('is bounded with 65536 snapshots of 1024 bytes of extra data', async () => {
    const image = new ImageBuilder({ nb_snapshots: 65536, snapshots_offset: 8 * 65536 }).truncate(1n << 30n);
    const stride = 1064n + 8n;
    for (let index = 0; index < 65536; index += 1) {
      image.put32(image.at(8) + BigInt(index) * stride + 32n, 0);
    }
    const storage = image.toStorage();
    const entry = { size: storage.size, close: () => storage.close(), read: repeating(storage, image.at(8), stride) };
    assert((await heldBy(entry)) < bound);
  });

  it('is bounded with an L1 table of 32 MiB', async () => {
    assert((await heldBy(new ImageBuilder({ size: 1n << 51n }).toStorage())) < bound);
  });

  /** Every entry of the table has 1024 bytes of extra data and an id of 8 bytes. */
  function repeating(storage: Storage, table: bigint, stride: bigint): Storage['read'] {
    return async (at, into) => {
      const count = await storage.read(at, into);
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
      const first = at > table ? (at - table + stride - 1n) / stride : 0n;
      for (let index = first; index < 65536n; index += 1n) {
        const place = Number(table + index * stride - at);
        if (place + 40 > count) {
          break;
        }
        if (place >= 0 && at >= table) {
          view.setUint16(place + 12, 8);
          view.setUint32(place + 36, 1024);
        }
      }
      return count;
    };
  }
});

describe('describing an image', () => {
  it('lists snapshots with their extra data', async () => {
    const image = new ImageBuilder({ nb_snapshots: 1, snapshots_offset: 8 * 65536 });
    const entry = image.at(8);
    image
      .put64(entry, image.at(9))
      .put32(entry + 8n, 1)
      .put16(entry + 12n, 1)
      .put16(entry + 14n, 3);
    image
      .put32(entry + 32n, 7)
      .put32(entry + 36n, 28)
      .put64(entry + 40n, 5_000_000_000n)
      .put64(entry + 48n, 4096);
    image
      .put64(entry + 56n, 2n ** 64n - 1n)
      .put32(entry + 64n, 0xabcd)
      .put(entry + 68n, '1abc')
      .truncate(image.at(10));
    const { snapshots } = await describeImage(await openImage(image.toStorage()));
    const [found] = snapshots.items;
    assert.equal(snapshots.state, 'whole');
    assert.deepEqual(
      [found?.id, found?.name, found?.vmStateSize, found?.diskSize, found?.icount, found?.unknownExtra],
      ['1', 'abc', 5_000_000_000n, 4096n, 2n ** 64n - 1n, Uint8Array.of(0, 0, 0xab, 0xcd)],
    );
    assert.equal(found?.extraBytes, 28);
  });

  it('lists bitmaps', async () => {
    const image = new ImageBuilder({ autoclear_features: 1 });
    image.extension(bitmaps, words(1n << 32n, 32, image.at(5)));
    image
      .put64(image.at(5), image.at(6))
      .put32(image.at(5) + 8n, 1)
      .put32(image.at(5) + 12n, 2)
      .put8(image.at(5) + 16n, 1);
    image
      .put8(image.at(5) + 17n, 16)
      .put16(image.at(5) + 18n, 4)
      .put(image.at(5) + 24n, 'name')
      .truncate(image.at(8));
    const described = await describeImage(await openImage(image.toStorage()));
    assert.deepEqual(described.findings, []);
    const [found] = described.bitmaps.items;
    assert.deepEqual([found?.name, found?.granularity, found?.flags], ['name', 65536n, ['auto']]);
  });

  it('tells where the LUKS header is that can’t be read', async () => {
    const image = new ImageBuilder({ crypt_method: 2 }).extension(crypto, words(1n << 40n, 4096));
    const { encryption, findings } = await describeImage(await openImage(image.toStorage()));
    assert.deepEqual(encryption, { method: 'LUKS', offset: 1n << 40n, length: 4096n, fields: [], slots: [] });
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['luks-header-past-end', 'luks-magic-wrong'],
    );
  });

  it('shows sizes up to 2^64-1 exactly', async () => {
    const { header, geometry } = await describeImage(
      await openImage(new ImageBuilder({ size: 2n ** 64n - 1n, l1_size: 1 }).toStorage()),
    );
    assert.equal(geometry?.virtualSize, 2n ** 64n - 1n);
    assert.equal(
      header?.fields.find(({ name }) => name === 'size')?.shown.replaceAll('\u202f', ''),
      '18446744073709551615',
    );
  });
});
