import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import type { Storage } from '../../src/engine/ports.ts';
import { checkMethods } from '../../src/worker/checkMethods.ts';
import { type CallContext, progressOf } from '../../src/worker/server.ts';
import { small } from '../support/brokenImages.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';

function caller(abort = new AbortController()): CallContext & { abort: AbortController } {
  const report = (): void => undefined;
  return { abort, signal: abort.signal, report, progress: progressOf(abort.signal, report) };
}

/** An image with three clusters that nothing leads to. */
function leaking(): MemoryStorage {
  const image = small();
  return image.refcount(6, 1).refcount(7, 1).refcount(9, 1).truncate(image.at(10)).toStorage();
}

/** Reads only while `open` is fulfilled; counts the reads. */
function gated(inner: MemoryStorage): { storage: Storage; reads: () => number; hold: () => () => void } {
  let gate = Promise.resolve();
  let reads = 0;
  const storage: Storage = {
    size: inner.size,
    read: async (at, target) => {
      reads++;
      await gate;
      return inner.read(at, target);
    },
    extents: (from, to) => inner.extents(from, to),
    close: async () => undefined,
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return resolve;
  };
  return { storage, reads: () => reads, hold };
}

describe('The check for an editor', () => {
  it('has qemu-img’s numbers, and groups with their first finding and its texts', async () => {
    const { check, checkFindings } = checkMethods(await openImage(leaking()));
    const summary = await check({ quick: false }, caller());
    assert.equal(summary.complete, true);
    assert.deepEqual([summary.result?.corruptions, summary.result?.leaks], [0, 3]);
    const [group, ...others] = summary.groups;
    assert.deepEqual(others, []);
    assert.deepEqual([group?.code, group?.first.code, group?.count], ['cluster-leaked', 'cluster-leaked', 2]);
    assert.equal(summary.texts['cluster-leaked']?.severity, 'leak');
    const page = await checkFindings({ code: 'cluster-leaked', from: 1, count: 5 }, caller());
    assert.deepEqual(
      page.findings.map(({ host }) => host),
      [{ offset: 9n * 65536n, length: 65536n }],
    );
    assert.ok(page.texts['cluster-leaked']);
  });

  it('runs once, whoever asks, quick or not', async () => {
    const { storage, reads } = gated(leaking());
    const { check } = checkMethods(await openImage(storage), 60_000);
    const both = await Promise.all([check({ quick: true }, caller()), check({ quick: false }, caller())]);
    const before = reads();
    assert.deepEqual(both[0], both[1]);
    assert.deepEqual(await check({ quick: true }, caller()), both[0]);
    assert.equal(reads(), before);
  });

  it('gives up after a time where it is to be quick, with what opening has found', async () => {
    const image = small({ refcount_table_clusters: 1, l1_size: 1 });
    image.put32(36n, 0);
    const { storage, hold, reads } = gated(image.toStorage());
    const { check, checkFindings } = checkMethods(await openImage(storage), 5);
    const release = hold();
    const summary = await check({ quick: true }, caller());
    assert.equal(summary.complete, false);
    assert.equal(summary.result, undefined);
    const codes = summary.groups.map(({ code }) => code);
    assert.ok(codes.length > 0);
    const [code] = codes;
    assert.ok(code);
    const page = await checkFindings({ code, from: 0, count: 9 }, caller());
    assert.deepEqual(
      page.findings.map((found) => found.code),
      [code],
    );
    const before = reads();
    assert.deepEqual(await check({ quick: true }, caller()), summary, 'the same again, without a read');
    assert.equal(reads(), before);
    release();
    assert.equal((await check({ quick: false }, caller())).complete, true);
    assert.equal((await check({ quick: true }, caller())).complete, true);
  });

  it('is stopped by its caller, and says so', async () => {
    const { storage, hold } = gated(leaking());
    const { check, checkFindings } = checkMethods(await openImage(storage));
    const release = hold();
    const context = caller();
    const asked = check({ quick: true }, context);
    context.abort.abort();
    await assert.rejects(asked, { code: 'cancelled' });
    await assert.rejects(checkFindings({ code: 'cluster-leaked', from: 0, count: 1 }, caller()), {
      code: 'bad-argument',
    });
    release();
  });

  it('of an image without tables has what opening has found', async () => {
    const image = small({ cluster_bits: 40 });
    const summary = await checkMethods(await openImage(image.toStorage())).check({ quick: false }, caller());
    assert.equal(summary.complete, true);
    assert.equal(summary.result, undefined);
    assert.ok(summary.groups.length > 0);
  });
});
