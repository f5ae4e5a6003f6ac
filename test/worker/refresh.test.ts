import assert from 'node:assert/strict';
import type { FileState } from '../../src/protocol/news.ts';
import { quietTime, Refresh, refreshPeriod } from '../../src/worker/refresh.ts';

/** A refresh with a clock that the test moves, and a file that the test changes. */
function setUp() {
  let now = 1_000_000;
  const world = {
    stamp: 'a' as string | undefined,
    busy: false,
    broken: false,
    readings: [] as string[],
    told: [] as string[],
  };
  const refresh = new Refresh({
    look: async () =>
      world.stamp === undefined ? { state: 'lost', message: 'ENOENT' } : { state: 'there', stamp: world.stamp },
    reopen: async () => {
      if (world.broken) {
        throw new Error('EACCES');
      }
      world.readings.push(world.stamp ?? 'nothing');
    },
    busy: () => world.busy,
    tell: (state: FileState) => world.told.push(state.state),
    now: () => now,
  });
  const first = () => refresh.reading(async () => undefined);
  const later = async (milliseconds: number) => {
    now += milliseconds;
    return refresh.step();
  };
  return { world, refresh, first, later };
}

describe('the refresh of a file that changes', () => {
  it('reads a single change once it is complete, and only once', async () => {
    const { world, first, later } = setUp();
    await first();
    world.stamp = 'b';
    assert.equal(await later(0), quietTime);
    world.stamp = 'c';
    await later(quietTime - 1);
    assert.deepEqual(world.readings, []);
    await later(quietTime);
    await later(refreshPeriod);
    assert.deepEqual(world.readings, ['c']);
    assert.deepEqual(world.told, []);
  });

  it('reads a file that changes all the time every few seconds, and says so once', async () => {
    const { world, first, later } = setUp();
    await first();
    for (let tenths = 0; tenths < 300; tenths++) {
      world.stamp = String(tenths);
      await later(100);
    }
    assert.ok(world.readings.length >= 5 && world.readings.length <= 7, world.readings.join(' '));
    assert.deepEqual(world.told, ['changing']);
    await later(refreshPeriod);
    await later(2 * refreshPeriod + 1);
    assert.equal(world.told.at(-1), 'same');
  });

  it('does not begin to read what changes all the time while something is still to be answered', async () => {
    const { world, first, later } = setUp();
    await first();
    world.stamp = 'b';
    await later(0);
    await later(quietTime);
    assert.deepEqual(world.readings, ['b']);
    world.busy = true;
    world.stamp = 'c';
    for (let seconds = 0; seconds < 9; seconds++) {
      await later(1000);
    }
    assert.deepEqual(world.readings, ['b']);
    world.busy = false;
    await later(quietTime);
    assert.deepEqual(world.readings, ['b', 'c']);
  });

  it('only says that it has changed when it is to ask, or is paused', async () => {
    for (const set of [(one: Refresh) => (one.mode = 'ask'), (one: Refresh) => (one.paused = true)]) {
      const { world, refresh, first, later } = setUp();
      await first();
      set(refresh);
      world.stamp = 'b';
      await later(refreshPeriod);
      await later(refreshPeriod);
      assert.deepEqual(world.readings, []);
      assert.deepEqual(world.told, ['changed']);
      await refresh.reading(async () => undefined);
      assert.deepEqual(world.told, ['changed', 'same']);
    }
  });

  it('does not look when the user wants no watch', async () => {
    const { world, refresh, first, later } = setUp();
    await first();
    refresh.mode = 'off';
    world.stamp = 'b';
    await later(refreshPeriod);
    assert.deepEqual(world.readings, []);
    assert.deepEqual(world.told, ['unwatched']);
  });

  it('says that a file has gone only when it stays away, and reads it when it is back', async () => {
    const { world, first, later } = setUp();
    await first();
    world.stamp = undefined;
    assert.equal(await later(0), quietTime);
    world.stamp = 'b';
    await later(quietTime - 1);
    await later(quietTime);
    assert.deepEqual(world.readings, ['b']);
    assert.deepEqual(world.told, []);
    world.stamp = undefined;
    await later(0);
    await later(quietTime);
    assert.deepEqual(world.told, ['lost']);
    world.stamp = 'c';
    await later(1000);
    await later(quietTime);
    assert.deepEqual(world.readings, ['b', 'c']);
    assert.deepEqual(world.told, ['lost', 'same']);
  });

  it('goes on with what was read when the same file is back', async () => {
    const { world, first, later } = setUp();
    await first();
    world.stamp = undefined;
    await later(0);
    await later(quietTime);
    world.stamp = 'a';
    await later(1000);
    assert.deepEqual(world.readings, []);
    assert.deepEqual(world.told, ['lost', 'same']);
  });

  it('tries again when a change could not be read', async () => {
    const { world, first, later } = setUp();
    await first();
    world.broken = true;
    world.stamp = 'b';
    await later(0);
    await later(quietTime);
    await later(refreshPeriod);
    assert.deepEqual(world.told, ['lost']);
    world.broken = false;
    await later(refreshPeriod);
    assert.deepEqual(world.readings, ['b']);
    assert.deepEqual(world.told, ['lost', 'same']);
  });

  it('tries again by itself when the first opening has failed, also when it is to ask', async () => {
    const { world, refresh, later } = setUp();
    refresh.mode = 'ask';
    world.stamp = undefined;
    await assert.rejects(refresh.reading(() => Promise.reject(new Error('ENOENT'))));
    assert.deepEqual(world.told, ['lost']);
    world.stamp = 'a';
    await later(0);
    await later(quietTime);
    assert.deepEqual(world.readings, ['a']);
  });
});
