import assert from 'node:assert/strict';
import fc from 'fast-check';
import { spaceKinds } from '../../src/protocol/mapApi.ts';
import { cellBudget, gutter, heights, layOut } from '../../webview/widgets/cellLayout.ts';
import { strongest } from '../../webview/widgets/cellValues.ts';

const { guest } = spaceKinds;

describe('the cells of the map', () => {
  it('are in rows of a power of two and within the width, every one of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (width, part) => {
        const cells = Math.max(1, Math.floor(cellBudget(width, heights.full) * part));
        const { columns, rows, pitch } = layOut(width, heights.full, cells);
        assert.equal(columns & (columns - 1), 0);
        assert.ok(rows * columns >= cells && (rows - 1) * columns < cells);
        assert.ok(gutter + columns * pitch.x <= width);
        assert.ok(pitch.x >= 6 && pitch.y >= 6, `${pitch.x} x ${pitch.y}`);
      }),
    );
  });

  it('show anything wrong, however small a part of them it is', () => {
    const parts = new Float32Array(guest.length);
    parts[guest.indexOf('data')] = 0.999;
    parts[guest.indexOf('wrong')] = 0.001;
    assert.equal(guest[strongest('guest', parts, 0).kind], 'wrong');
  });

  it('show what they hold most of, and how full they are', () => {
    const parts = new Float32Array(guest.length);
    parts[guest.indexOf('data')] = 0.25;
    parts[guest.indexOf('compressed')] = 0.125;
    parts[guest.indexOf('unallocated')] = 0.625;
    assert.equal(guest[strongest('guest', parts, 0).kind], 'data');
    assert.equal(strongest('guest', parts, 0).fullness, 0.375);
    assert.equal(guest[strongest('guest', new Float32Array(guest.length), 0).kind], 'unallocated');
  });
});
