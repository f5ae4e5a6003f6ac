import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import { chunk, decode, withPalette } from './palettePng.ts';

/** A PNG of red, green and blue in rows that each begin with a filter. */
function png(width: number, rows: readonly (readonly number[])[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(rows.length, 4);
  header.set([8, 2], 8);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const data = deflateSync(Buffer.from(rows.flat()));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

describe('pictures with a palette', () => {
  it('are read with all filters of PNG', () => {
    const rows = [
      [0, 10, 20, 30, 11, 21, 31],
      [1, 10, 20, 30, 1, 1, 1],
      [2, 0, 0, 0, 0, 0, 0],
      [3, 5, 10, 15, 1, 1, 1],
      [4, 0, 0, 0, 255, 255, 255],
    ];
    const { bytes } = decode(png(2, rows));
    assert.deepEqual(
      [...bytes],
      [10, 20, 30, 11, 21, 31, 10, 20, 30, 11, 21, 31, 10, 20, 30, 11, 21, 31]
        .concat([10, 20, 30, 11, 21, 31])
        .concat([10, 20, 30, 10, 20, 30]),
    );
  });

  it('keep every colour where there are few, and the frequent ones where there are many', () => {
    const few = withPalette(png(3, [[0, 255, 0, 0, 0, 255, 0, 0, 0, 255]]));
    assert.equal(few[25], 3);
    assert.ok(few.includes(Buffer.from('PLTE\xff\x00\x00\x00\xff\x00\x00\x00\xff', 'latin1')));
    const many = Array.from({ length: 64 }, (_, y) => [
      0,
      ...Array.from({ length: 64 }, (_, x) => [x * 4, y * 4, 7]).flat(),
    ]);
    const areas = Array.from({ length: 8 }, () => [0, ...Array.from({ length: 64 }, () => [1, 2, 3]).flat()]);
    const palette = withPalette(png(64, [...many, ...areas]));
    assert.equal(palette.readUInt32BE(33), 256 * 3);
    assert.deepEqual([...palette.subarray(41, 44)], [1, 2, 3]);
  });

  it('have half a byte a pixel, the left one in its upper half, where there are at most 16 colours', () => {
    const colours = Array.from({ length: 20 }, (_, index) => [index < 3 ? index * 100 : 0, 0, index < 3 ? 0 : index]);
    const made = withPalette(png(colours.length, [[0, ...colours.flat()]]), 16);
    assert.deepEqual([...made.subarray(24, 26)], [4, 3]);
    const palette = made.subarray(41, 41 + made.readUInt32BE(33));
    assert.equal(palette.length, 16 * 3);
    const data = made.indexOf('IDAT', 0, 'latin1');
    const rows = inflateSync(made.subarray(data + 4, data + 4 + made.readUInt32BE(data - 4)));
    assert.equal(rows.length, 1 + 10);
    const at = (index: number): number[] => [...palette.subarray(index * 3, index * 3 + 3)];
    assert.deepEqual(
      [at((rows[1] ?? 0) >> 4), at((rows[1] ?? 0) & 15), at((rows[2] ?? 0) >> 4)],
      [
        [0, 0, 0],
        [100, 0, 0],
        [200, 0, 0],
      ],
    );
  });

  it('are those of the README and the walkthrough', () => {
    for (const name of ['map-dark', 'hex-dark', 'broken-light', 'walkthrough/open-dark', 'walkthrough/goto-light']) {
      const file = readFileSync(`media/${name}.png`);
      assert.deepEqual([...file.subarray(24, 26)], [name.includes('walkthrough') ? 4 : 8, 3], name);
    }
  });
});
