import assert from 'node:assert/strict';
import { showSize } from '../../src/cli/size.ts';
import { parseSize } from '../../src/engine/size.ts';

function bytes(text: string): bigint | string {
  const parsed = parseSize(text);
  return typeof parsed === 'string' ? parsed : parsed.value;
}

describe('a size as an argument', () => {
  it('is a number with an optional unit of powers of 1024, in any case', () => {
    assert.equal(bytes('0'), 0n);
    assert.equal(bytes('512'), 512n);
    assert.equal(bytes('3b'), 3n);
    for (const [power, letter] of 'KMGTPE'.split('').entries()) {
      assert.equal(bytes(`7${letter}`), 7n << BigInt(10 * (power + 1)));
      assert.equal(bytes(`7${letter.toLowerCase()}`), 7n << BigInt(10 * (power + 1)));
    }
  });

  it('is exact up to 2^64 - 1, and out of range beyond', () => {
    assert.equal(bytes('18446744073709551615'), (1n << 64n) - 1n);
    assert.equal(bytes('18446744073709551616'), 'out-of-range');
    assert.equal(bytes('9007199254740993'), 9007199254740993n);
    assert.equal(bytes('16E'), 'out-of-range');
  });

  it('may have a fraction, if it has a unit', () => {
    assert.equal(bytes('1.5k'), 1536n);
    assert.equal(bytes('0.5M'), 524288n);
    assert.equal(bytes('1.k'), 1024n);
    assert.equal(bytes('1.0'), 1n);
    assert.equal(bytes('1.5'), 'invalid');
    assert.equal(bytes('.5k'), 'invalid');
    assert.equal(bytes('1.5e3k'), 'invalid');
  });

  it('may be hexadecimal; with a unit QEMU warns', () => {
    assert.deepEqual(parseSize('0x10'), { value: 16n, hexUnit: false });
    assert.deepEqual(parseSize('0x10k'), { value: 16384n, hexUnit: true });
    assert.equal(bytes('0x1b'), 27n);
    assert.equal(bytes('0x1.5k'), 'invalid');
  });

  it('is nothing else', () => {
    for (const text of ['', 'k', '-1', '1x', '1kk', '1 k', 'x10', '1,5k']) {
      assert.equal(bytes(text), 'invalid', text);
    }
  });
});

describe('a size for a person', () => {
  it('has three digits, and the next unit from 1000 on', () => {
    const shown: readonly (readonly [bigint, string])[] = [
      [0n, '0 B'],
      [1n, '1 B'],
      [999n, '999 B'],
      [1000n, '0.977 KiB'],
      [1024n, '1 KiB'],
      [196n << 10n, '196 KiB'],
      [1000n << 10n, '0.977 MiB'],
      [1234n << 20n, '1.21 GiB'],
      [1n << 60n, '1 EiB'],
      [(1n << 64n) - 1n, '16 EiB'],
    ];
    for (const [size, text] of shown) {
      assert.equal(showSize(size), text);
    }
  });

  it('goes to the even digit from the middle between two', () => {
    assert.equal(showSize(2176n << 20n), '2.12 GiB');
    assert.equal(showSize(2432n << 20n), '2.38 GiB');
    assert.equal(showSize(10496n << 20n), '10.2 GiB');
    assert.equal(showSize(100_000n << 10n), '97.7 MiB');
  });

  it('is written as C does where it rounds up to a thousand', () => {
    assert.equal(showSize(1023488n), '1e+03 KiB');
  });
});
