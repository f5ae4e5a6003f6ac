import assert from 'node:assert/strict';
import fc from 'fast-check';
import { splitKey } from '../../../src/engine/crypto/antiForensic.ts';
import { hashAlgs } from '../../../src/engine/ports.ts';
import { ciphers } from '../../../src/platform/ciphers.ts';
import { mergeKey } from '../../support/openLuks.ts';

const splits = fc.record({
  hash: fc.constantFrom(...hashAlgs),
  key: fc.uint8Array({ minLength: 16, maxLength: 64 }),
  stripes: fc.integer({ min: 2, max: 40 }),
});

describe('a key that is split', () => {
  it('is merged to what it was, with every hash', () => {
    fc.assert(
      fc.property(splits, ({ hash, key, stripes }) => {
        const split = splitKey(ciphers, hash, key, stripes);
        assert.equal(split.length, key.length * stripes);
        assert.deepEqual(new Uint8Array(mergeKey(hash, split, stripes)), key);
      }),
    );
  });

  it('is lost with any bit of any stripe', () => {
    fc.assert(
      fc.property(splits, fc.nat(), ({ hash, key, stripes }, place) => {
        const split = splitKey(ciphers, hash, key, stripes);
        const bit = place % (split.length * 8);
        const byte = Math.floor(bit / 8);
        split[byte] = (split[byte] ?? 0) ^ (1 << (bit % 8));
        assert.notDeepEqual(new Uint8Array(mergeKey(hash, split, stripes)), key);
      }),
    );
  });

  it('is another each time, and nowhere in its stripes', () => {
    const key = Buffer.from('a key of sixteen');
    const [one, other] = [splitKey(ciphers, 'sha256', key, 4000), splitKey(ciphers, 'sha256', key, 4000)];
    for (let stripe = 0; stripe < 4000; stripe++) {
      const at = stripe * 16;
      assert.notDeepEqual(one.subarray(at, at + 16), other.subarray(at, at + 16));
    }
    assert.ok(!Buffer.from(one).includes(key));
  });
});
