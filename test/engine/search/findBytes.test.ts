import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ByteSource } from '../../../src/engine/image/byteRuns.ts';
import { fileBytes } from '../../../src/engine/image/fileBytes.ts';
import { GuestData } from '../../../src/engine/image/guestData.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { findBytes } from '../../../src/engine/search/findBytes.ts';
import { storedRun } from '../../../src/engine/search/stretches.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { copied, ImageBuilder, zero } from '../../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/** A file of a few letters and zeros, in which needles are found by chance and across holes. */
const sparse = fc
  .record({
    size: fc.integer({ min: 1, max: 40_000 }),
    writes: fc.array(
      fc.record({ at: fc.nat(39_999), bytes: fc.uint8Array({ min: 0, max: 2, minLength: 1, maxLength: 6 }) }),
      { maxLength: 12 },
    ),
  })
  .map(({ size, writes }) => {
    const storage = new MemoryStorage(BigInt(size));
    for (const { at, bytes } of writes) {
      if (at + bytes.length <= size) {
        storage.write(BigInt(at), bytes);
      }
    }
    return storage;
  });

/** Where it must be found, by trying all places. */
function expected(all: Uint8Array, needle: Uint8Array, from: number, next: boolean): number | undefined {
  const buffer = Buffer.from(all);
  const matches = (at: number): boolean => buffer.subarray(at, at + needle.length).equals(Buffer.from(needle));
  const starts = Array.from({ length: Math.max(0, all.length - needle.length + 1) }, (_, at) => at).filter(matches);
  return next ? (starts.find((at) => at >= from) ?? starts[0]) : (starts.findLast((at) => at < from) ?? starts.at(-1));
}

describe('findBytes', () => {
  it('finds what trying every place finds, forwards and backwards, across holes and over the end', async () => {
    const needles = fc.uint8Array({ min: 0, max: 2, minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(sparse, needles, fc.nat(41_000), fc.boolean(), async (storage, needle, from, next) => {
        const all = storage.slice(0n, Number(storage.size));
        const start = Math.min(from, all.length);
        const direction = next ? 'next' : 'previous';
        const found = await findBytes(fileBytes(storage), { needle, from: BigInt(from), direction }, noProgress);
        const wanted = expected(all, needle, start, next);
        assert.equal(found.at, wanted === undefined ? undefined : BigInt(wanted));
        if (wanted !== undefined) {
          assert.equal(found.wrapped, next ? wanted < start : wanted >= start);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('finds a needle across the border of two windows', async () => {
    const storage = new MemoryStorage(2n ** 20n);
    storage.write(0n, new Uint8Array(2 ** 20).fill(0x2e));
    storage.write(2n ** 18n - 3n, text('needle'));
    const source = fileBytes(storage);
    for (const direction of ['next', 'previous'] as const) {
      const { at } = await findBytes(source, { needle: text('needle'), from: 0n, direction }, noProgress);
      assert.equal(at, 2n ** 18n - 3n);
    }
  });

  it('reads no holes: 2^60 bytes cost what is stored in them', async () => {
    const storage = new MemoryStorage(2n ** 60n);
    storage.write(2n ** 55n + 7n, text('needle'));
    for (const direction of ['next', 'previous'] as const) {
      const counting = new CountingStorage(storage);
      const wanted = { needle: text('needle'), from: 5n, direction };
      assert.equal((await findBytes(fileBytes(counting), wanted, noProgress)).at, 2n ** 55n + 7n);
      assert(counting.bytes < 3 * 4096, `${counting.bytes} bytes read`);
    }
  });

  it('finds zeros in a hole at once', async () => {
    const counting = new CountingStorage(new MemoryStorage(2n ** 60n));
    const wanted = { needle: new Uint8Array(4), from: 2n ** 59n, direction: 'next' } as const;
    assert.deepEqual(await findBytes(fileBytes(counting), wanted, noProgress), {
      at: 2n ** 59n,
      wrapped: false,
      unknown: 0n,
    });
    assert(counting.calls <= 1);
  });

  it('never finds anything in sectors that can’t be read', async () => {
    const storage = new MemoryStorage(8192n);
    storage.write(0n, new Uint8Array(8192).fill(0x41));
    storage.write(508n, new Uint8Array(8));
    const failing = fileBytes(new FailingStorage(storage, [{ sector: 1 }]));
    const found = await findBytes(failing, { needle: new Uint8Array(5), from: 0n, direction: 'next' }, noProgress);
    assert.deepEqual(found, { wrapped: true, unknown: 512n });
  });

  it('finds in the guest’s disk what lies in clusters far apart in the file, and passes over what is not stored', async () => {
    const image = new ImageBuilder({ size: 1n << 41n });
    image
      .l1(0, copied | image.at(70))
      .entry(70, 0, copied | image.at(80))
      .entry(70, 1, copied | image.at(75));
    image.entry(70, 2, zero);
    image
      .put(image.at(81) - 3n, 'nee')
      .put(image.at(75), 'dle')
      .put(image.at(76) - 1n, 'x');
    const storage = new CountingStorage(image.toStorage());
    const opened = await openImage(storage);
    assert(opened.layer);
    const source: ByteSource = new GuestData(opened, opened.layer, { codecs });
    storage.reset();
    for (const direction of ['next', 'previous'] as const) {
      const wanted = { needle: text('needle'), from: 1n << 40n, direction };
      assert.equal((await findBytes(source, wanted, noProgress)).at, 65533n);
    }
    const acrossZeros = { needle: Uint8Array.of(0x78, 0, 0), from: 0n, direction: 'next' } as const;
    assert.equal((await findBytes(source, acrossZeros, noProgress)).at, 131071n);
    assert(storage.bytes < 3 * 4 * 65536, `${storage.bytes} bytes read`);
  });

  it('stops when it is no longer wanted', async () => {
    const storage = new MemoryStorage(2n ** 24n);
    storage.write(0n, new Uint8Array(2 ** 24).fill(1));
    const counting = new CountingStorage(storage);
    const progress = {
      step: async () => {
        throw new Error('stopped');
      },
    };
    const wanted = { needle: text('needle'), from: 0n, direction: 'next' } as const;
    await assert.rejects(findBytes(fileBytes(counting), wanted, progress), /stopped/);
    assert.equal(counting.calls, 1);
  });
});

describe('storedRun', () => {
  it('goes from one run of stored bytes to the next, on and back', async () => {
    await fc.assert(
      fc.asyncProperty(sparse, fc.nat(41_000), fc.boolean(), async (storage, from, next) => {
        const { size } = storage;
        const runs = [...storage.extents(0n, size)].filter(({ data }) => data);
        const joined: { offset: bigint; length: bigint }[] = [];
        for (const { offset, length } of runs) {
          const last = joined.at(-1);
          if (last && last.offset + last.length === offset) {
            joined[joined.length - 1] = { offset: last.offset, length: last.length + length };
          } else {
            joined.push({ offset, length });
          }
        }
        const found = await storedRun(fileBytes(storage), BigInt(from), next ? 'next' : 'previous', noProgress);
        const wanted = next
          ? joined.find(({ offset }) => offset > from)
          : joined.findLast(({ offset }) => offset < from);
        assert.equal(found?.offset, wanted?.offset);
      }),
      { numRuns: 300 },
    );
  });

  it('reads nothing but tables, whatever the size', async () => {
    const storage = new MemoryStorage(2n ** 60n);
    storage.write(2n ** 55n, text('far away'));
    const counting = new CountingStorage(storage);
    const run = { offset: 2n ** 55n, length: 4096n };
    assert.deepEqual(await storedRun(fileBytes(counting), 0n, 'next', noProgress), run);
    assert.deepEqual(await storedRun(fileBytes(counting), 2n ** 60n, 'previous', noProgress), run);
    assert.equal(counting.calls, 0);
  });
});
