import assert from 'node:assert/strict';
import type { RememberedChange } from '../../src/editor/changeMemory.ts';
import { ChangeSession } from '../../src/editor/changeSession.ts';
import type { ChangeApi, ChangePlan, ChangeRequest, JournalState } from '../../src/protocol/changeApi.ts';
import { type ChangeStage, toPreview } from '../../src/protocol/changeMessages.ts';
import { CallFailed } from '../../src/protocol/client.ts';
import type { ChangeThread } from '../../src/worker/changeThread.ts';

const upgrade: ChangeRequest = { verb: 'amend', compat: '1.1' };
const rollBack: ChangeRequest = { verb: 'roll-back' };

function planOf(request: ChangeRequest, journal = '/disk.qcow2.undo-journal'): ChangePlan {
  const rollsBack = request.verb === 'roll-back';
  return {
    title: rollsBack ? 'Undo “Upgrade”' : 'Upgrade',
    ...{ cautions: [], steps: [], bytes: 0n, sizeBefore: 0n, sizeAfter: 0n, seconds: 0, locks: true, obstacles: [] },
    journal,
    rollsBack,
  };
}

/** A session whose thread and user are played by the test. */
function session(request: ChangeRequest = upgrade) {
  const called: string[] = [];
  const stages: ChangeStage[] = [];
  const changing: boolean[] = [];
  const world = {
    journal: { state: 'none' } as JournalState,
    trusted: true,
    keepUndo: true,
    remembered: undefined as RememberedChange | undefined,
    place: undefined as string | undefined,
    fail: {} as { readonly [method in keyof ChangeApi]?: CallFailed },
    apply: (): Promise<void> => Promise.resolve(),
  };
  const methods: { [method in keyof ChangeApi]: (argument: never) => unknown } = {
    plan: ({ request: wanted, journal }: { request: ChangeRequest; journal?: string }) => planOf(wanted, journal),
    bytes: (place: object) => ({ ...place, before: new Uint8Array(), after: new Uint8Array() }),
    apply: async () => {
      await world.apply();
      return null;
    },
    cancelApply: () => null,
    journal: () => world.journal,
  };
  const thread: ChangeThread = {
    call: async (method, argument) => {
      called.push(method);
      const error: CallFailed | undefined = world.fail[method];
      if (error instanceof Error) {
        throw error;
      }
      return (await methods[method](argument as never)) as never;
    },
    stop: async () => void called.push('stop'),
  };
  const own = new ChangeSession(
    {
      startThread: () => {
        called.push('start');
        return thread;
      },
      tell: (message) => {
        const heard = toPreview(JSON.parse(JSON.stringify(message)));
        if (heard && 'stage' in heard) {
          stages.push(heard.stage);
        }
      },
      isTrusted: () => world.trusted,
      keepsUndo: () => world.keepUndo,
      recall: () => world.remembered,
      remember: async (change) => {
        world.remembered = change;
      },
      askJournal: async () => world.place,
      changing: (running) => changing.push(running),
      close: () => called.push('close'),
    },
    request,
  );
  return { session: own, world, called, stages, changing };
}

const failed = (code: string, message = 'It failed.') => new CallFailed({ code, message });

describe('a session of changing an image', () => {
  it('plans, and writes nothing before the page says so', async () => {
    const { session: own, called, stages } = session();
    await own.plan();
    assert.deepEqual(called, ['start', 'journal', 'plan']);
    assert.deepEqual(
      stages.map(({ stage }) => stage),
      ['planning', 'planned'],
    );
  });

  it('remembers what it is about to do, applies it, and offers to undo it', async () => {
    const { session: own, world, stages, changing } = session();
    await own.plan();
    let before: RememberedChange | undefined;
    world.apply = async () => {
      before = world.remembered;
    };
    await own.hear({ type: 'apply' });
    assert.deepEqual(before, { title: 'Upgrade', request: upgrade });
    assert.deepEqual(stages.at(-1), { stage: 'done', undo: true, again: false });
    assert.deepEqual(changing, [true, false]);
    await own.hear({ type: 'roll-back' });
    await own.hear({ type: 'apply' });
    assert.deepEqual(stages.at(-1), { stage: 'done', undo: false, again: false });
    assert.equal(world.remembered, undefined);
  });

  it('has nothing to undo where the user wants no journal kept', async () => {
    const { session: own, world, stages } = session();
    world.keepUndo = false;
    await own.plan();
    await own.hear({ type: 'apply' });
    assert.deepEqual(stages.at(-1), { stage: 'done', undo: false, again: false });
    assert.equal(world.remembered, undefined);
  });

  it('applies nothing in an untrusted workspace', async () => {
    const { session: own, world, called, stages } = session();
    await own.plan();
    world.trusted = false;
    await own.hear({ type: 'apply' });
    assert.ok(!called.includes('apply'));
    const last = stages.at(-1);
    assert.ok(last?.stage === 'failed' && last.asBefore && /Restricted Mode/.test(last.reason));
  });

  it('applies once, however often that is clicked', async () => {
    const { session: own, called } = session();
    await own.hear({ type: 'apply' });
    await own.plan();
    await Promise.all([own.hear({ type: 'apply' }), own.hear({ type: 'apply' }), own.plan()]);
    await own.hear({ type: 'apply' });
    assert.deepEqual(
      called.filter((name) => name === 'apply' || name === 'plan'),
      ['plan', 'apply'],
    );
  });

  it('lists all reasons of a refusal', async () => {
    const { session: own, world, stages } = session();
    world.fail = { plan: failed('refused', 'The image is not changed. 2 things stand in the way:\n- One.\n- Two.') };
    await own.plan();
    assert.deepEqual(stages.at(-1), { stage: 'refused', reasons: ['One.', 'Two.'], interrupted: false });
    world.fail = { plan: failed('journal-exists', 'Roll it back first.') };
    await own.hear({ type: 'plan-again' });
    assert.deepEqual(stages.at(-1), { stage: 'refused', reasons: ['Roll it back first.'], interrupted: true });
  });

  it('says whether a failed change was rolled back', async () => {
    for (const [state, asBefore] of [
      ['none', true],
      ['finished', true],
      ['interrupted', false],
    ] as const) {
      const { session: own, world, stages } = session();
      await own.plan();
      world.fail = { apply: failed('write-failed', 'EIO.') };
      world.journal = state === 'none' ? { state } : { state, title: 'Upgrade' };
      await own.hear({ type: 'apply' });
      assert.deepEqual(stages.at(-1), { stage: 'failed', reason: 'EIO.', cancelled: false, asBefore }, state);
    }
  });

  it('cancels what is applied, and waits until it was rolled back', async () => {
    const { session: own, world, called, stages } = session();
    await own.plan();
    const { promise, reject } = Promise.withResolvers<void>();
    world.apply = () => promise;
    const applying = own.hear({ type: 'apply' });
    await own.hear({ type: 'cancel' });
    assert.deepEqual(stages.at(-1), { stage: 'applying', done: 0, total: 0, cancelling: true });
    assert.ok(called.includes('cancelApply'));
    await own.hear({ type: 'close' });
    assert.ok(!called.includes('close'), 'a change that is being applied is not left alone');
    reject(failed('cancelled'));
    await applying;
    assert.deepEqual(stages.at(-1), { stage: 'failed', reason: 'It failed.', cancelled: true, asBefore: true });
  });

  it('is ended only when what it applies was rolled back', async () => {
    const { session: own, world, called } = session();
    await own.plan();
    const { promise, reject } = Promise.withResolvers<void>();
    world.apply = () => promise;
    const applying = own.hear({ type: 'apply' });
    const ended = own.dispose().then(() => called.push('ended'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!called.includes('stop'));
    reject(failed('cancelled'));
    await Promise.all([applying, ended]);
    assert.deepEqual(called.slice(-2), ['stop', 'ended']);
  });

  it('plans an interrupted change again after it was rolled back, if it is known which it was', async () => {
    for (const [title, again] of [
      ['Upgrade', true],
      ['Resize', false],
    ] as const) {
      const { session: own, world, called, stages } = session(rollBack);
      world.remembered = { title: 'Upgrade', request: { verb: 'amend', compat: '1.1' } };
      world.journal = { state: 'interrupted', title };
      await own.plan();
      await own.hear({ type: 'apply' });
      assert.deepEqual(stages.at(-1), { stage: 'done', undo: false, again });
      if (again) {
        await own.hear({ type: 'plan-again' });
        assert.equal(called.at(-1), 'plan');
        assert.equal(own.title, 'Upgrade');
      }
    }
  });

  it('puts the journal where the user wants it, and finds it there for the undo', async () => {
    const { session: own, world } = session();
    await own.plan();
    await own.hear({ type: 'choose-journal' });
    assert.deepEqual(own.title, 'Upgrade');
    world.place = '/other/journal';
    await own.hear({ type: 'choose-journal' });
    await own.hear({ type: 'apply' });
    assert.equal(world.remembered?.journal, '/other/journal');
  });

  it('starts another thread after one that has ended', async () => {
    const { session: own, world, called, stages } = session();
    world.fail = { plan: failed('stopped', 'It has crashed.') };
    await own.plan();
    assert.deepEqual(stages.at(-1), { stage: 'refused', reasons: ['It has crashed.'], interrupted: false });
    world.fail = {};
    await own.hear({ type: 'plan-again' });
    assert.equal(called.filter((name) => name === 'start').length, 2);
    assert.deepEqual(stages.at(-1), { stage: 'planned' });
  });
});
