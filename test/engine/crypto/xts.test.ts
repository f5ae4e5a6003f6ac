import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { encryptXts } from '../../../src/engine/crypto/xts.ts';
import { ciphers } from '../../../src/platform/ciphers.ts';

const counting = Uint8Array.from({ length: 512 }, (_, index) => index % 256);

/** IEEE 1619-2007, annex B: keys, number of the data unit, plain text, start and end of the cipher text. */
const vectors: readonly (readonly [number, string, bigint, Uint8Array, string, string])[] = [
  [
    1,
    '0000000000000000000000000000000000000000000000000000000000000000',
    0n,
    new Uint8Array(32),
    '917cf69ebd68b2ec9b9fe9a3eadda692',
    'cd43d2f59598ed858c02c2652fbf922e',
  ],
  [
    2,
    '1111111111111111111111111111111122222222222222222222222222222222',
    0x3333333333n,
    new Uint8Array(32).fill(0x44),
    'c454185e6a16936e39334038acef838b',
    'fb186fff7480adc4289382ecd6d394f0',
  ],
  [
    3,
    'fffefdfcfbfaf9f8f7f6f5f4f3f2f1f022222222222222222222222222222222',
    0x3333333333n,
    new Uint8Array(32).fill(0x44),
    'af85336b597afc1a900b2eb21ec949d2',
    '92df4c047e0b21532186a5971a227a89',
  ],
  [
    4,
    '2718281828459045235360287471352631415926535897932384626433832795',
    0n,
    counting,
    '27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89cc78cf7f5e543445f8333d8fa7f560000',
    'eb4a427d1923ce3ff262735779a418f20a282df920147beabe421ee5319d0568',
  ],
  [
    10,
    '27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592',
    0xffn,
    counting,
    '1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b5d31e276f8fe4a8d66b317f9ac683f44',
    '773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151',
  ],
];

function unitNumber(number: bigint): Uint8Array {
  const iv = Buffer.alloc(16);
  iv.writeBigUInt64LE(number);
  return iv;
}

describe('XTS', () => {
  for (const [number, key, unit, plain, start, end] of vectors) {
    it(`encrypts as vector ${number} of IEEE 1619`, () => {
      const encrypted = Buffer.from(encryptXts(ciphers, Buffer.from(key, 'hex'), unitNumber(unit), plain)).toString(
        'hex',
      );
      assert.equal(encrypted.length, 2 * plain.length);
      assert.ok(encrypted.startsWith(start), encrypted);
      assert.ok(encrypted.endsWith(end), encrypted);
    });
  }

  it('encrypts as OpenSSL, each unit by itself', () => {
    const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
    const cases = fc.constantFrom(128, 256).chain((bits) =>
      fc.record({
        bits: fc.constant(bits),
        key: bytes(bits / 4).filter((key) => !Buffer.from(key.subarray(bits / 8)).equals(key.subarray(0, bits / 8))),
        units: fc.array(fc.record({ iv: bytes(16), data: bytes(512) }), { minLength: 1, maxLength: 4 }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ bits, key, units }) => {
        const theirs = units.map(({ iv, data }) => createCipheriv(`aes-${bits}-xts`, key, iv).update(data));
        const ivs = Buffer.concat(units.map(({ iv }) => iv));
        const data = Buffer.concat(units.map((unit) => unit.data));
        assert.deepEqual(Buffer.from(encryptXts(ciphers, key, ivs, data)), Buffer.concat(theirs));
      }),
      { numRuns: 50 },
    );
  });
});
