import assert from 'node:assert/strict';
import { CountWindow } from '../../../src/engine/change/countWindow.ts';

describe('counts of a window of clusters', () => {
  it('hold what falls into the window, and leave out the rest', () => {
    const window = new CountWindow(4);
    window.start(4, 100);
    window.add(2, 4, 1);
    window.add(7, 100, 2);
    window.add(0, 4, 9);
    assert.deepEqual([window.from, window.to], [4, 8]);
    assert.deepEqual([...window.counts], [1, 1, 0, 2]);
  });

  it('start at 0 wherever the window goes, and end with the file', () => {
    const window = new CountWindow(4);
    window.start(0, 6);
    window.add(0, 6, 3);
    window.start(4, 6);
    window.add(5, 1, -1);
    assert.deepEqual([...window.counts], [0, -1]);
  });

  it('are refused where they leave 32 bits, instead of becoming wrong', () => {
    const window = new CountWindow(1);
    window.start(0, 1);
    window.add(0, 1, 2 ** 31 - 1);
    assert.throws(() => window.add(0, 1, 1), { code: 'too-large' });
  });
});
