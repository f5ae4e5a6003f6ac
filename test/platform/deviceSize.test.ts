import assert from 'node:assert/strict';
import fc from 'fast-check';
import { searchSize } from '../../src/platform/deviceSize.ts';

/** A device of `sectors` sectors that counts how often it is read. */
function device(sectors: bigint) {
  const counts = { reads: 0 };
  const read = (at: bigint, into: Uint8Array): number => {
    counts.reads++;
    return at < sectors * 512n ? into.length : 0;
  };
  return { read, counts };
}

describe('the size of a block device without /sys', () => {
  it('is found for every size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 50n }), (sectors) => {
        assert.equal(searchSize(device(sectors).read), sectors * 512n);
      }),
    );
  });

  it('is found with 2 reads a power of two', () => {
    const { read, counts } = device(2n ** 33n - 1n);
    assert.equal(searchSize(read), (2n ** 33n - 1n) * 512n);
    assert.ok(counts.reads <= 70, `${counts.reads} reads`);
  });
});
