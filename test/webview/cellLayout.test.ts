import assert from 'node:assert/strict';
import fc from 'fast-check';
import { guestKinds } from '../../src/protocol/mapApi.ts';
import { cellBudget, gutter, layOut } from '../../webview/widgets/cellLayout.ts';
import { strongest } from '../../webview/widgets/cellPaint.ts';

describe('the cells of the map', () => {
  it('are in rows of a power of two and within the width, every one of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (width, part) => {
        const cells = Math.max(1, Math.floor(cellBudget(width) * part));
        const { columns, rows, pitch } = layOut(width, cells);
        assert.equal(columns & (columns - 1), 0);
        assert.ok(rows * columns >= cells && (rows - 1) * columns < cells);
        assert.ok(gutter + columns * pitch.x <= width);
        assert.ok(pitch.x >= 6 && pitch.y >= 6, `${pitch.x} x ${pitch.y}`);
      }),
    );
  });

  it('show anything wrong, however small a part of them it is', () => {
    const parts = new Float32Array(guestKinds.length);
    parts[guestKinds.indexOf('data')] = 0.999;
    parts[guestKinds.indexOf('wrong')] = 0.001;
    assert.equal(guestKinds[strongest(parts, 0).kind], 'wrong');
  });

  it('show what they hold most of, and how full they are', () => {
    const parts = new Float32Array(guestKinds.length);
    parts[guestKinds.indexOf('data')] = 0.25;
    parts[guestKinds.indexOf('compressed')] = 0.125;
    parts[guestKinds.indexOf('unallocated')] = 0.625;
    assert.equal(guestKinds[strongest(parts, 0).kind], 'data');
    assert.equal(strongest(parts, 0).fullness, 0.375);
    assert.equal(guestKinds[strongest(new Float32Array(guestKinds.length), 0).kind], 'unallocated');
  });
});
