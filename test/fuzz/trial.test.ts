import assert from 'node:assert/strict';
import { MemoryStorage } from '../support/memoryStorage.ts';
import { problemOf } from './trial.ts';

describe('the judge of mutated images', () => {
  const image = new MemoryStorage(1n << 30n);

  it('has nothing against reading within the bounds', async () => {
    const problem = await problemOf(image, async (storage) => {
      await storage.read(0n, new Uint8Array(32 << 20));
      await storage.read(0n, new Uint8Array(32 << 20));
    });
    assert.equal(problem, undefined);
  });

  it('reports an exception', async () => {
    const problem = await problemOf(image, () => Promise.reject(new TypeError('no such entry')));
    assert.match(problem ?? '', /TypeError: no such entry/);
  });

  it('reports more reading than 4 times the allocated bytes and 64 MiB', async () => {
    const problem = await problemOf(image, async (storage) => {
      const into = new Uint8Array(1 << 20);
      for (let at = 0n; at < 65n; at += 1n) {
        await storage.read(at << 20n, into);
      }
    });
    assert.match(problem ?? '', /^Error: 68157440 bytes read, 67108864 allowed/);
  });

  it('reports memory that is held, not garbage', async () => {
    const garbage = await problemOf(image, async (storage) => {
      for (let round = 0; round < 40; round += 1) {
        await storage.read(0n, new Uint8Array(10 << 20).subarray(0, 1 << 16));
      }
    });
    assert.equal(garbage, undefined);
    const kept: Uint8Array[] = [];
    const problem = await problemOf(image, async (storage) => {
      for (let round = 0; round < 40; round += 1) {
        kept.push(new Uint8Array(10 << 20));
        await storage.read(0n, new Uint8Array(1 << 16));
      }
    });
    assert.match(problem ?? '', /MiB held, 100 allowed/);
    assert.ok(kept.length > 0);
  });
});
