import assert from 'node:assert/strict';
import type { ImageDescription } from '../../src/engine/image/description.ts';
import { moved } from '../../webview/moved.ts';
import { firstState, keptText } from '../../webview/panes/mapState.ts';
import { restore, save } from '../../webview/state.ts';
import { everything } from './images.ts';

const [one] = everything.snapshots.items;

/** An image with snapshots of these IDs. */
function withSnapshots(...ids: string[]): ImageDescription {
  assert.ok(one);
  const items = ids.map((id) => ({ ...one, id, name: 'nightly' }));
  return { ...everything, snapshots: { state: 'whole', items } };
}

const state = restore({
  pane: 'snapshots',
  selection: 'snapshot:2',
  history: {
    visits: ['snapshots snapshot:0', 'map guest:0+512@2', 'tables l2-entry:3.4@0', 'snapshots snapshot:2'],
    at: 3,
  },
  kept: {
    snapshots: 'snapshot:2',
    tables: 'l2:3@2 all 0',
    hex: 'guest@2 0 0 - snapshot:2',
    map: keptText({ ...firstState, snapshot: 2 }),
    check: '{}',
  },
});

describe('the state of a view on an image that was read again', () => {
  const before = withSnapshots('1', '2', '3');

  it('has the same snapshot selected, whatever its index is now', () => {
    const { selection, history, kept } = save(moved(state, before, withSnapshots('2', '3', '4')));
    assert.equal(selection, 'snapshot:1');
    assert.deepEqual(history, { visits: ['map guest:0+512@1', 'snapshots snapshot:1'], at: 1 });
    assert.deepEqual(kept, {
      snapshots: 'snapshot:1',
      tables: 'l2:3@1 all 0',
      hex: 'guest@1 0 0 - snapshot:1',
      map: keptText({ ...firstState, snapshot: 1 }),
      check: '{}',
    });
  });

  it('has nothing selected in the place of one that is gone', () => {
    const { selection, history, kept } = save(moved(state, before, withSnapshots('1', '2')));
    assert.equal(selection, undefined);
    assert.deepEqual(history, { visits: ['snapshots snapshot:0', 'tables l2-entry:3.4@0'], at: 1 });
    assert.deepEqual(kept, { map: keptText(firstState), check: '{}' });
  });

  it('is the same where nothing has another index, or where that is not known', () => {
    assert.equal(moved(state, before, withSnapshots('1', '2', '3', '4')), state);
    assert.equal(moved(state, before, { ...before, snapshots: { state: 'unreadable', items: [] } }), state);
  });
});
