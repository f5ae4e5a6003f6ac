import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decode, encode } from '../../src/protocol/codec.ts';

const held = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.bigInt(),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.uint32Array(),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$', 'value', '__proto__')), tie('value')),
  ),
})).value;

describe('messages as text', () => {
  it('give back every value that they may hold', () => {
    fc.assert(
      fc.property(held, (value) => {
        assert.deepStrictEqual(decode(encode(value)), normal(value));
      }),
    );
  });

  it('keep sizes up to 2^64-1 exact', () => {
    assert.equal(decode(encode({ size: 2n ** 64n - 1n })) instanceof Object, true);
    assert.deepEqual(decode(encode({ size: 2n ** 64n - 1n })), { size: 18446744073709551615n });
  });

  it('leave out properties that are undefined', () => {
    assert.deepEqual(decode(encode({ id: 1, argument: undefined })), { id: 1 });
  });

  it('keep the bytes of a view into a larger buffer', () => {
    const bytes = new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 4);
    assert.deepEqual(decode(encode(bytes)), new Uint8Array([2, 3, 4]));
  });

  it('take a big array of bytes', () => {
    const bytes = new Uint8Array(1_000_000).map((_, index) => index & 0xff);
    assert.deepEqual(decode(encode(bytes)), bytes);
  });

  it('hold text as text: an image name that looks like a tag stays what it is', () => {
    const hostile = { name: '{"$":"bigint","value":"1"}', $: 'bigint', value: '1' };
    assert.deepEqual(decode(encode(hostile)), hostile);
  });

  it('refuse what they cannot hold', () => {
    for (const value of [new Map(), new Date(), () => 1, Symbol('x'), { deep: [new Set()] }]) {
      assert.throws(() => encode(value), TypeError);
    }
  });

  it('refuse a tag that nobody writes', () => {
    assert.throws(() => decode('{"value":{"$":"Function","value":"x"}}'), TypeError);
  });
});

/** Objects of the codec have the usual prototype, whatever fast-check made. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(normal);
  }
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, normal(inner)]));
  }
  return value;
}
