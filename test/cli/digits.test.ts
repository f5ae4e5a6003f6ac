import assert from 'node:assert/strict';
import fc from 'fast-check';
import { writeDecimal } from '../../src/cli/digits.ts';

function written(value: number, more?: number): string {
  const bytes = Buffer.alloc(40);
  return bytes.toString('latin1', 3, writeDecimal(bytes, 3, value, more));
}

describe('decimal digits', () => {
  it('of every whole number below 2^53', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (value) => assert.equal(written(value), String(value))));
    for (const value of [0, 9, 10, 99_999_999, 100_000_000, 10_000_000_001, Number.MAX_SAFE_INTEGER]) {
      assert.equal(written(value), String(value));
    }
  });

  it('of sectors above, with bytes added or taken away', () => {
    const sectors = fc.integer({ min: 2 ** 44, max: 2 ** 52 });
    fc.assert(
      fc.property(sectors, fc.integer({ min: -511, max: 511 }), (sector, bytes) => {
        assert.equal(written(sector * 512, bytes), String(BigInt(sector) * 512n + BigInt(bytes)));
      }),
    );
  });
});
