import assert from 'node:assert/strict';
import { noProgress } from '../../src/engine/ports.ts';
import { runsByIndex } from '../../src/worker/runsByIndex.ts';
import type { CallContext } from '../../src/worker/server.ts';

const context: CallContext = { signal: new AbortController().signal, report: () => undefined, progress: noProgress };

describe('runs for the entries of a list', () => {
  it('are done once each, and remembered', async () => {
    const done: number[] = [];
    const runs = runsByIndex(async (index) => {
      done.push(index);
      return index * 2;
    });
    assert.deepEqual(await Promise.all([3, 5, 3].map((index) => runs.result(index, context))), [6, 10, 6]);
    assert.equal(await runs.result(5, context), 10);
    assert.deepEqual(done, [3, 5]);
  });

  it('are forgotten when there are very many: the one not asked for the longest first', async () => {
    const done: number[] = [];
    const runs = runsByIndex(async (index) => done.push(index));
    for (let index = 0; index < 256; index += 1) {
      await runs.result(index, context);
    }
    await runs.result(0, context);
    await runs.result(256, context);
    assert.equal(done.length, 257);
    await runs.result(0, context);
    await runs.result(1, context);
    assert.deepEqual(done.slice(257), [1]);
  });
});
