import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseRescueMap, type RegionStatus, RescueMap, rescueMapLines } from '../../../src/engine/salvage/rescueMap.ts';
import { mapText } from '../../support/salvaged.ts';

function mapOf(...regions: readonly (readonly [number, RegionStatus])[]): RescueMap {
  const map = new RescueMap();
  for (const [to, status] of regions) {
    map.add(to, status);
  }
  return map;
}

describe('a mapfile of ddrescue', () => {
  it('is written as ddrescue writes it', () => {
    const map = mapOf([0x117000, '+'], [0x117200, '-'], [0x120000, '+'], [0x1_0000_0000, '?']);
    assert.equal(
      [...rescueMapLines(['of a test'], map.regions(), 0x120000)].join(''),
      '# of a test\n' +
        '# current_pos  current_status  current_pass\n' +
        '0x00120000     ?               1\n' +
        '#      pos        size  status\n' +
        '0x00000000  0x00117000  +\n' +
        '0x00117000  0x00000200  -\n' +
        '0x00117200  0x00008E00  +\n' +
        '0x00120000  0xFFEE0000  ?\n',
    );
  });

  it('joins regions of one status', () => {
    assert.deepEqual(mapText(mapOf([5, '+'], [5, '-'], [9, '+'], [10, '?'])), ['0x0-0x9 +', '0x9-0xa ?']);
  });

  it('is read back as it was written', () => {
    const status = fc.constantFrom<RegionStatus[]>('+', '-', '?');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 44 }), status)), fc.boolean(), (parts, ended) => {
        const map = new RescueMap();
        for (const [length, letter] of parts) {
          map.add(map.end + length, letter);
        }
        const parsed = parseRescueMap([...rescueMapLines(['a', 'b'], map.regions(), ended ? undefined : 0)].join(''));
        assert.deepEqual(mapText(parsed.map), mapText(map));
        assert.deepEqual(parsed.comments.slice(0, 2), ['a', 'b']);
        assert.equal(parsed.ended, ended);
      }),
    );
  });

  it('is read as ddrescue itself writes it: what is still to be trimmed or scraped was not tried', () => {
    const text =
      '# Mapfile. Created by GNU ddrescue version 1.27\n0x00120000     *\n0x00000000  0x00010000  +\n' +
      '0x00010000  512  *\n0x00010200  0x200  /\n0x00010400  0x400  -\n';
    const { map, ended } = parseRescueMap(text);
    assert.deepEqual(mapText(map), ['0x0-0x10000 +', '0x10000-0x10400 ?', '0x10400-0x10800 -']);
    assert.equal(ended, false);
  });

  it('is refused, with the line, where it is none or has a gap', () => {
    for (const [text, message] of [
      ['', /no status line/],
      ['hello\n', /Line 1 .* status line/],
      ['0x0 + 1\n0x0 0x10 x\n', /Line 2 .* not a region/],
      ['0x0 + 1\n0x0 0x10 +\n0x20 0x10 +\n', /Line 3 .* does not go on/],
      ['0x0 + 1\n0x0 0x0 +\n', /Line 2 /],
    ] as const) {
      assert.throws(() => parseRescueMap(text), { code: 'damaged', message });
    }
  });
});
