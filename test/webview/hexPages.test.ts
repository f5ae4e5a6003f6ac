import assert from 'node:assert/strict';
import fc from 'fast-check';
import { openImage } from '../../src/engine/image/open.ts';
import type { Storage } from '../../src/engine/ports.ts';
import type { BytePage } from '../../src/protocol/hexApi.ts';
import { hexMethods } from '../../src/worker/hexMethods.ts';
import type { CallContext } from '../../src/worker/server.ts';
import { BytePages, pageBytes } from '../../webview/hex/bytePages.ts';
import { charText, hexText } from '../../webview/hex/byteText.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../support/memoryStorage.ts';

const context: CallContext = {
  signal: new AbortController().signal,
  report: () => undefined,
  progress: { step: async () => undefined },
};

/** The page's bytes of a file, with the worker behind them. */
async function pagesOf(storage: Storage): Promise<BytePages> {
  const { bytes } = hexMethods(await openImage(storage));
  return new BytePages(storage.size, (start, length) => bytes({ space: 'host', start, length }, context));
}

/** Resolves when all that is in view has come. */
async function settled(pages: BytePages): Promise<void> {
  while (!pages.settled) {
    await new Promise((resolve) => pages.addEventListener('change', resolve, { once: true }));
  }
}

/** Ends of files and places of writes: small ones, and around 2^32, 2^53 and 2^56. */
const bases = fc.constantFrom(0n, 4096n, 2n ** 32n, 2n ** 53n, 2n ** 56n);
const near = fc.tuple(bases, fc.integer({ min: 0, max: 20_000 })).map(([base, more]) => base + BigInt(more));

/** A file with holes, and some bytes in it: also zeros, which are stored. */
const files = fc
  .record({
    end: near,
    writes: fc.array(fc.tuple(near, fc.uint8Array({ minLength: 1, maxLength: 5000 })), { maxLength: 5 }),
  })
  .map(({ end, writes }) => {
    const storage = new MemoryStorage(end + 1n);
    for (const [at, bytes] of writes) {
      storage.write(at, bytes);
    }
    return storage;
  });

describe('the bytes that are painted', () => {
  it('are those of the file, across pages, holes and the end, wherever they are', async () => {
    await fc.assert(
      fc.asyncProperty(files, near, fc.integer({ min: 1, max: 9000 }), async (storage, from, length) => {
        const pages = await pagesOf(storage);
        const end = from + BigInt(length);
        pages.want(from, end);
        await settled(pages);
        const file = storage.slice(from, length);
        for (let index = 0; index < length; index++) {
          const at = from + BigInt(index);
          const byte = pages.at(at);
          const value = file[index];
          if (at >= storage.size || value === undefined) {
            assert.equal(byte.state, 'past-end');
            assert.equal(hexText(byte) + charText(byte), '');
          } else if (byte.state === 'zeros') {
            assert.equal(value, 0);
            assert.equal(hexText(byte), '·0');
          } else {
            assert.equal(byte.state, 'stored');
            assert.equal(hexText(byte), value.toString(16).padStart(2, '0'));
            assert.equal(pages.valueAt(at), value);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('read no more than the pages in view, once', async () => {
    const storage = new MemoryStorage(2n ** 60n);
    storage.write(2n ** 54n, new Uint8Array(65536).fill(7));
    const counting = new CountingStorage(storage);
    const pages = await pagesOf(counting);
    counting.reset();
    pages.want(2n ** 54n + 100n, 2n ** 54n + 900n);
    await settled(pages);
    assert.deepEqual({ calls: counting.calls, bytes: counting.bytes }, { calls: 1, bytes: Number(pageBytes) });
    pages.want(2n ** 54n + 200n, 2n ** 54n + 5000n);
    await settled(pages);
    pages.want(2n ** 54n, 2n ** 54n + 1000n);
    await settled(pages);
    assert.deepEqual({ calls: counting.calls, bytes: counting.bytes }, { calls: 2, bytes: 2 * Number(pageBytes) });
  });

  it('are never taken for zeros before they have come', async () => {
    const { promise, resolve } = Promise.withResolvers<BytePage>();
    const pages = new BytePages(100n, () => promise);
    pages.want(0n, 100n);
    assert.equal(pages.at(5n).state, 'loading');
    assert.doesNotMatch(hexText(pages.at(5n)), /[0-9a-f]/);
    assert.equal(pages.valueAt(5n), undefined);
    resolve({ start: 0n, size: 100n, bytes: new Uint8Array(100), runs: [{ from: 0, to: 100, kind: 'data' }] });
    await settled(pages);
    assert.equal(hexText(pages.at(5n)), '00');
  });

  it('are not known where the request has failed, until it is made again', async () => {
    let fails = true;
    const pages = new BytePages(50n, async (start) => {
      if (fails) {
        throw new Error('no more');
      }
      return { start, size: 50n, bytes: new Uint8Array(50).fill(9), runs: [{ from: 0, to: 50, kind: 'data' }] };
    });
    pages.want(0n, 50n);
    await settled(pages);
    assert.equal(pages.at(3n).state, 'failed');
    assert.match(pages.error?.message ?? '', /no more/);
    fails = false;
    pages.retry();
    await settled(pages);
    assert.equal(hexText(pages.at(3n)), '09');
    assert.equal(pages.error, undefined);
  });

  it('say which sectors can’t be read, and paint the others', async () => {
    const storage = new MemoryStorage(4096n);
    storage.write(0n, new Uint8Array(4096).fill(0x41));
    const pages = await pagesOf(new FailingStorage(storage, [{ sector: 2 }]));
    pages.want(0n, 4096n);
    await settled(pages);
    assert.equal(hexText(pages.at(1023n)), '41');
    const bad = pages.at(1024n);
    assert.equal(hexText(bad), '??');
    assert('run' in bad && bad.run.kind === 'unreadable');
    assert.match(bad.run.why ?? '', /Input\/output error at host offset 0x400/);
    assert.equal(hexText(pages.at(1536n)), '41');
  });

  it('are let go when they are no longer in view before they have come', () => {
    const signals: AbortSignal[] = [];
    const pages = new BytePages(2n ** 40n, (_start, _length, signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    pages.want(0n, 100n);
    pages.want(2n ** 30n, 2n ** 30n + 100n);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    );
  });
});
