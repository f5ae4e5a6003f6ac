import assert from 'node:assert/strict';
import { deflateRawSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { fileBytes } from '../../../src/engine/image/fileBytes.ts';
import { GuestData, type GuestPorts } from '../../../src/engine/image/guestData.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import type { Storage } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { compressed, copied, ImageBuilder, zero } from '../../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';

async function guest(storage: Storage, ports: Partial<GuestPorts> = {}): Promise<GuestData> {
  const image = await openImage(storage);
  assert(image.layer);
  return new GuestData(image, image.layer, { codecs, ...ports });
}

/** The runs of a range, as `kind from-to`. */
async function kinds(data: GuestData, at: bigint, length: number): Promise<string[]> {
  return (await data.read(at, new Uint8Array(length))).map(({ kind, from, to }) => `${kind} ${from}-${to}`);
}

async function bytes(data: GuestData, at: bigint, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length).fill(0xee);
  await data.read(at, into);
  return into;
}

describe('the guest’s bytes', () => {
  it('are those of their clusters, also beyond 2^53 on a disk of 2 EiB', async () => {
    const clusterBits = 21;
    const image = new ImageBuilder({ cluster_bits: clusterBits, size: 1n << 61n, l1_size: 4_194_304 });
    // Cluster 40 on: behind the L1 table of 32 MiB. Guest clusters near the start, 2^53 and the end.
    const places = [0n, 2n ** 53n, 2n ** 60n + 2n ** 40n, 2n ** 61n - 2n ** 22n];
    for (const [index, place] of places.entries()) {
      const table = 40 + index * 3;
      const entry = Number((place >> 21n) % 262_144n);
      image.l1(Number(place >> 39n), copied | image.at(table));
      image.entry(table, entry, copied | image.at(table + 1)).entry(table, entry + 1, copied | image.at(table + 2));
      image.put(image.at(table + 2) - 3n, 'abc').put(image.at(table + 2), 'def');
    }
    const storage = new CountingStorage(image.toStorage());
    const data = await guest(storage);
    for (const place of places) {
      storage.reset();
      const at = place + 2n ** 21n - 3n;
      assert.equal(Buffer.from(await bytes(data, at, 6)).toString(), 'abcdef');
      // Two L2 entries and the bytes.
      assert(storage.bytes <= 16 + 6, `${storage.bytes} bytes read`);
      assert(storage.calls <= 3);
    }
  });

  it('are the same however they are cut into reads', async () => {
    const image = new ImageBuilder({ cluster_bits: 12, size: 1n << 16n });
    image.l1(0, copied | image.at(4));
    const stream = deflateRawSync(Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 251)));
    image.put(image.at(9) + 5n, stream);
    for (const [index, entry] of [
      copied | image.at(7),
      zero,
      compressed | (image.at(9) + 5n),
      0n,
      copied | image.at(6),
    ].entries()) {
      image.entry(4, index, entry);
    }
    image.put(image.at(7), new Uint8Array(4096).fill(7)).put(image.at(6), new Uint8Array(4096).fill(6));
    const data = await guest(image.toStorage());
    const whole = await bytes(data, 0n, 65536);
    assert.deepEqual([whole[4095], whole[4096], whole[8192 + 250], whole[12288], whole[16384]], [7, 0, 250, 0, 6]);
    await fc.assert(
      fc.asyncProperty(fc.nat(65535), fc.integer({ min: 1, max: 9000 }), async (at, length) => {
        const end = Math.min(65536, at + length);
        const part = await bytes(data, BigInt(at), end - at);
        assert(Buffer.from(part).equals(whole.subarray(at, end)));
      }),
    );
  });

  it('decompress each cluster once for all its pages', async () => {
    for (const [type, stream] of [
      [0, deflateRawSync(Buffer.alloc(65536, 'zlib '))],
      [1, zstdCompressSync(Buffer.alloc(65536, 'zstd '))],
    ] as const) {
      const image = new ImageBuilder({ incompatible_features: type === 0 ? 0 : 8, compression_type: type });
      image
        .l1(0, copied | image.at(4))
        .entry(4, 0, compressed | image.at(5))
        .put(image.at(5), stream);
      const data = await guest(image.truncate(image.at(6)).toStorage());
      for (let at = 0n; at < 65536n; at += 4096n) {
        assert.deepEqual(await kinds(data, at, 4096), ['compressed 0-4096']);
      }
      assert.equal(data.decompressed, 1);
      assert.equal(Buffer.from(await bytes(data, 5n, 4)).toString(), type === 0 ? 'zlib' : 'zstd');
    }
  });

  it('say of a cluster that does not decompress where it is', async () => {
    const image = new ImageBuilder();
    const short = deflateRawSync(Buffer.alloc(100));
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, compressed | (image.at(5) + 7n))
      .put(image.at(5) + 7n, short);
    const data = await guest(image.truncate(image.at(6)).toStorage());
    const [run] = await data.read(0n, new Uint8Array(10));
    assert.equal(run?.kind, 'broken');
    assert.equal(run?.host, image.at(5) + 7n);
    assert.match(run?.why ?? '', /505 bytes at host offset 0x50007 give 100 of 65536 bytes/);
  });

  it('are ciphertext where the image is encrypted', async () => {
    const image = new ImageBuilder({ crypt_method: 1 });
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .put(image.at(5), 'cipher');
    assert.deepEqual(await kinds(await guest(image.toStorage()), 0n, 65540), [
      'encrypted 0-65536',
      'unallocated 65536-65540',
    ]);
  });

  it('are not known where a file has them that is not open, and come from there once it is', async () => {
    const image = new ImageBuilder({ size: 200_000n }).backing('base.raw', 'raw');
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .put(image.at(5), 'own');
    const storage = image.toStorage();
    assert.deepEqual(await kinds(await guest(storage), 0n, 70_000), ['data 0-65536', 'backing 65536-70000']);
    const base = new MemoryStorage(140_000n);
    base.write(70_000n, new TextEncoder().encode('base'));
    const data = await guest(storage, { backing: fileBytes(base) });
    assert.equal(Buffer.from(await bytes(data, 70_000n, 4)).toString(), 'base');
    assert.deepEqual(await kinds(data, 135_000n, 10_000), ['backing-zero 0-5000', 'backing-zero 5000-10000']);
  });

  it('are in the data file, where there is one', async () => {
    const image = new ImageBuilder({ incompatible_features: 4 });
    image.l1(0, copied | image.at(4)).entry(4, 1, copied | 65536n);
    const storage = image.toStorage();
    assert.deepEqual(await kinds(await guest(storage), 65536n, 10), ['data-file 0-10']);
    const dataFile = new MemoryStorage(1n << 20n);
    dataFile.write(65536n, new TextEncoder().encode('outside'));
    const data = await guest(storage, { dataFile });
    assert.equal(Buffer.from(await bytes(data, 65536n, 7)).toString(), 'outside');
  });

  it('say which can’t be read, and why', async () => {
    const image = new ImageBuilder();
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, copied | (image.at(6) + 512n));
    const storage = new FailingStorage(image.truncate(image.at(8)).toStorage(), [{ sector: image.at(5) / 512n + 1n }]);
    const data = await guest(storage);
    assert.deepEqual(await kinds(data, 0n, 1536), ['data 0-512', 'unreadable 512-1024', 'data 1024-1536']);
    assert.deepEqual(await kinds(data, 65536n, 8), ['wrong 0-8']);
  });
});
