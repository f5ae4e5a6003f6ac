import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ScaledScroll, tallest } from '../../webview/widgets/scaledScroll.ts';

const view = 700;

/** A box with content of so many px, scrolled as a browser would. */
function box(content: number) {
  const scroll = new ScaledScroll();
  let scrollTop = scroll.resize(content, view);
  const most = (): number => Math.max(0, scroll.height - view);
  /** Scrolls to a place, as far as the box goes. */
  const to = (wanted: number): void => {
    scrollTop = Math.max(0, Math.min(most(), wanted));
    scrollTop = scroll.scrolled(scrollTop) ?? scrollTop;
  };
  return {
    scroll,
    most,
    to,
    by: (px: number): void => to(scrollTop + px),
    rest: (): void => {
      scrollTop = scroll.moveTo(scroll.top);
    },
  };
}

describe('scrolling through a table', () => {
  it('is that of the browser where the table is not too high', () => {
    const { scroll, to, by } = box(100_000);
    assert.equal(scroll.height, 100_000);
    to(5000);
    assert.equal(scroll.top, 5000);
    by(93_000);
    assert.equal(scroll.top, 98_000);
  });

  it('never needs a box that a browser can’t lay out', () => {
    assert.equal(box(2 ** 52).scroll.height, tallest);
  });

  it('reaches both ends, and each is where the scrollbar ends', () => {
    const { scroll, to, most } = box(4e8);
    to(most());
    assert.equal(scroll.top, 4e8 - view);
    to(0);
    assert.equal(scroll.top, 0);
    scroll.moveTo(4e8);
    assert.equal(scroll.seen, most());
  });

  it('moves small steps exactly, wherever it is, resting or not, and never past an end', () => {
    const heights = fc.integer({ min: tallest + 1, max: 2 ** 40 });
    const steps = fc.array(fc.tuple(fc.integer({ min: -600, max: 600 }), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(heights, fc.double({ min: 0, max: 1, noNaN: true }), steps, (content, part, list) => {
        const one = box(content);
        one.to(one.most() * part);
        one.rest();
        for (const [px, rests] of list) {
          const before = one.scroll.top;
          one.by(px);
          const expected = Math.max(0, Math.min(content - view, before + px));
          // Double precision: a thousandth of a px, above 2^40 px.
          assert.ok(Math.abs(one.scroll.top - expected) < 2, `${one.scroll.top}, not ${expected}`);
          if (rests) {
            one.rest();
          }
        }
      }),
    );
  });

  it('goes with the thumb to the same part of the table, ever further down', () => {
    const { scroll, to, most } = box(1e9);
    let last = -1;
    for (let part = 0; part <= 1; part += 1 / 64) {
      to(most() * part);
      assert.ok(scroll.top > last);
      assert.ok(Math.abs(scroll.top / 1e9 - part) < 0.001);
      last = scroll.top;
    }
  });
});
