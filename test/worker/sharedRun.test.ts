import assert from 'node:assert/strict';
import type { Progress } from '../../src/engine/ports.ts';
import { type CallContext, progressOf } from '../../src/worker/server.ts';
import { sharedRun } from '../../src/worker/sharedRun.ts';

function caller(abort = new AbortController()): CallContext & { abort: AbortController } {
  const report = (): void => undefined;
  return { abort, signal: abort.signal, report, progress: progressOf(abort.signal, report) };
}

/** A work that ends when it is told to, and counts how often it was started and stopped. */
function slowWork() {
  const counts = { started: 0, stopped: 0 };
  let finish: (value: number) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const work = async (progress: Progress): Promise<number> => {
    counts.started++;
    let result: { value: number } | { error: Error } | undefined;
    finish = (value) => {
      result = { value };
    };
    fail = (error) => {
      result = { error };
    };
    while (result === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      try {
        await progress.step(0, 1);
      } catch (error) {
        counts.stopped++;
        throw error;
      }
    }
    if ('error' in result) {
      throw result.error;
    }
    return result.value;
  };
  return { counts, work, finish: (value: number) => finish(value), fail: (error: Error) => fail(error) };
}

describe('a run that callers share', () => {
  it('is done once for all of them, and remembered', async () => {
    const { counts, work, finish } = slowWork();
    const run = sharedRun(work);
    const both = [run.result(caller()), run.result(caller())];
    finish(7);
    assert.deepEqual(await Promise.all(both), [7, 7]);
    assert.equal(await run.result(caller()), 7);
    assert.deepEqual(counts, { started: 1, stopped: 0 });
  });

  it('goes on for the others when one cancels', async () => {
    const { counts, work, finish } = slowWork();
    const run = sharedRun(work);
    const first = caller();
    const cancelled = run.result(first);
    const other = run.result(caller());
    first.abort.abort();
    await assert.rejects(cancelled, { code: 'cancelled' });
    finish(7);
    assert.equal(await other, 7);
    assert.deepEqual(counts, { started: 1, stopped: 0 });
  });

  it('stops when the last one cancels, and starts anew for the next', async () => {
    const { counts, work, finish } = slowWork();
    const run = sharedRun(work);
    const only = caller();
    const cancelled = run.result(only);
    only.abort.abort();
    await assert.rejects(cancelled, { code: 'cancelled' });
    const next = run.result(caller());
    finish(8);
    assert.equal(await next, 8);
    assert.deepEqual(counts, { started: 2, stopped: 1 });
  });

  it('that failed starts anew for the next', async () => {
    const { counts, work, finish, fail } = slowWork();
    const run = sharedRun(work);
    const failing = run.result(caller());
    fail(new Error('the disk is gone'));
    await assert.rejects(failing, /the disk is gone/);
    const next = run.result(caller());
    finish(9);
    assert.equal(await next, 9);
    assert.equal(counts.started, 2);
  });
});
