import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ByteScroll } from '../../webview/hex/byteScroll.ts';

describe('ByteScroll', () => {
  const rowHeight = 20;
  const view = 410;

  it('goes row by row through any number of rows, and back', () => {
    const scroll = new ByteScroll();
    scroll.resize(2n ** 57n, rowHeight, view);
    scroll.moveTo(2n ** 56n);
    for (let step = 0; step < 500; step++) {
      const again = scroll.scrolled(scroll.seen + rowHeight);
      assert.equal(again, undefined);
    }
    assert.equal(scroll.top, 2n ** 56n + 500n);
    for (let step = 0; step < 500; step++) {
      scroll.scrolled(scroll.seen - rowHeight);
    }
    assert.equal(scroll.top, 2n ** 56n);
  });

  it('has both ends at the ends of the scrollbar', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 60n }), (rows) => {
        const scroll = new ByteScroll();
        scroll.resize(rows, rowHeight, view);
        assert.equal(scroll.moveTo(0n), 0);
        const last = rows > 20n ? rows - 20n : 0n;
        assert.equal(scroll.moveTo(last), scroll.travel);
        assert.equal(scroll.top, last);
        scroll.scrolled(0);
        assert.equal(scroll.top, 0n);
        scroll.scrolled(scroll.travel);
        assert.equal(scroll.top, last);
      }),
    );
  });

  it('reaches every row near the ends by small steps', () => {
    const scroll = new ByteScroll();
    scroll.resize(2n ** 50n, rowHeight, view);
    scroll.moveTo(300n);
    let steps = 0;
    while (scroll.top > 0n && steps < 1000) {
      scroll.scrolled(Math.max(0, scroll.seen - rowHeight));
      steps++;
    }
    assert.equal(steps, 300);
  });

  it('stays where it is when the box gets another size', () => {
    const scroll = new ByteScroll();
    scroll.resize(2n ** 50n, rowHeight, view);
    scroll.moveTo(123_456_789n);
    scroll.resize(2n ** 50n, rowHeight, 2 * view);
    assert.equal(scroll.top, 123_456_789n);
  });
});
