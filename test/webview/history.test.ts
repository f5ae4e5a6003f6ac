import assert from 'node:assert/strict';
import { type History, inPane, noHistory, restoreHistory, saveHistory, step, visited } from '../../webview/history.ts';
import { panes } from '../../webview/state.ts';

const field = (name: string) => ({ pane: 'header', selection: { kind: 'field', name } }) as const;
const guest = (start: bigint) => ({ pane: 'map', selection: { kind: 'guest', start, length: 1n } }) as const;

/** The names of the fields that were visited, the current one in brackets. */
function shown({ visits, at }: History): string {
  return visits
    .map(({ selection }) => (selection.kind === 'field' ? selection.name : selection.kind))
    .map((name, index) => (index === at ? `[${name}]` : name))
    .join(' ');
}

function ofFields(...names: readonly string[]): History {
  return names.reduce((history, name) => visited(history, field(name), false), noHistory);
}

describe('the history of selections', () => {
  it('goes back and forward, one selection at a time, and no further than there are any', () => {
    const history = ofFields('magic', 'version', 'size');
    const back = step(history, -1);
    assert.equal(back?.visit.selection.kind === 'field' && back.visit.selection.name, 'version');
    assert.equal(shown(back?.history ?? noHistory), 'magic [version] size');
    assert.equal(step(history, 1), undefined);
    assert.equal(step(ofFields('magic'), -1), undefined);
    assert.equal(step(noHistory, -1), undefined);
  });

  it('forgets what was ahead when something else is selected, but not when the same is', () => {
    const back = step(ofFields('magic', 'version', 'size'), -1)?.history ?? noHistory;
    assert.equal(shown(visited(back, field('l1_size'), false)), 'magic version [l1_size]');
    assert.equal(shown(visited(back, field('version'), false)), 'magic [version] size');
  });

  it('takes a walk with the keys as one step, as long as it is over things of one kind', () => {
    const walked = visited(visited(ofFields('magic', 'version'), field('size'), true), guest(0n), true);
    assert.equal(shown(walked), 'magic size [guest]');
    assert.equal(shown(visited(walked, guest(1n), true)), 'magic size [guest]');
  });

  it('remembers the pane in which each was looked at last', () => {
    const moved = inPane(ofFields('magic', 'version'), 'map');
    assert.equal(moved.visits[1]?.pane, 'map');
    assert.equal(moved.visits[0]?.pane, 'header');
    assert.equal(inPane(noHistory, 'map'), noHistory);
  });

  it('leads back from a link that has shown the same in another pane', () => {
    const shownElsewhere = visited(ofFields('magic', 'version'), { ...field('version'), pane: 'hex' }, false);
    const back = step(shownElsewhere, -1);
    assert.equal(back?.visit.pane, 'header');
    assert.equal(shown(back?.history ?? noHistory), 'magic [version] version');
    assert.equal(step(back?.history ?? noHistory, 1)?.visit.pane, 'hex');
  });

  it('keeps the last hundred', () => {
    const history = ofFields(...Array.from({ length: 250 }, (_, index) => `f${index}`));
    assert.equal(history.visits.length, 100);
    assert.equal(history.at, 99);
    assert.equal(shown(history).split(' ').at(-1), '[f249]');
  });

  it('leaves out what it does not understand when it is restored', () => {
    const saved = saveHistory(ofFields('magic', 'version', 'size'));
    const damaged = { visits: [saved.visits[0], 'nowhere field:version', 7, 'map nothing:3', saved.visits[2]], at: 3 };
    assert.equal(shown(restoreHistory(damaged, panes)), '[magic] size');
    for (const wrong of [undefined, null, [], { visits: 'x' }, { visits: [1, 2], at: 'x' }, { visits: [], at: 4 }]) {
      assert.deepEqual(restoreHistory(wrong, panes), noHistory);
    }
  });
});
