import assert from 'node:assert/strict';
import { type Store, ViewStates } from '../../src/editor/viewStates.ts';

/** Keeps what `vscode.Memento` would: JSON. */
function store(content?: unknown): Store & { text: () => string } {
  let text = JSON.stringify(content);
  return {
    get: () => (text === undefined ? undefined : JSON.parse(text)),
    update: async (_, value) => {
      text = JSON.stringify(value);
    },
    text: () => text,
  };
}

describe('the state of the views', () => {
  it('is kept by image, the latest one', async () => {
    const kept = store();
    const states = new ViewStates(kept);
    await states.set('file:///a.qcow2', { pane: 'header' });
    await states.set('file:///b.qcow2', { pane: 'map' });
    await states.set('file:///a.qcow2', { pane: 'overview' });
    const restarted = new ViewStates(kept);
    assert.deepEqual(restarted.get('file:///a.qcow2'), { pane: 'overview' });
    assert.deepEqual(restarted.get('file:///b.qcow2'), { pane: 'map' });
    assert.equal(restarted.get('file:///c.qcow2'), undefined);
  });

  it('is kept for the 100 images that were touched last', async () => {
    const states = new ViewStates(store());
    for (let image = 0; image < 100; image++) {
      await states.set(`file:///${image}`, image);
    }
    await states.set('file:///0', 'again');
    await states.set('file:///new', 'new');
    assert.equal(states.get('file:///0'), 'again');
    assert.equal(states.get('file:///1'), undefined);
    assert.equal(states.get('file:///2'), 2);
    assert.equal(states.get('file:///new'), 'new');
  });

  it('is empty when what is kept is not ours', async () => {
    for (const content of [null, 7, { a: 1 }, [1, ['x'], [1, 2], ['y', 1, 2]]]) {
      const states = new ViewStates(store(content));
      assert.equal(states.get('x'), undefined);
      await states.set('x', 1);
      assert.equal(states.get('x'), 1);
    }
  });
});
