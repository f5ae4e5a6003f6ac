import assert from 'node:assert/strict';
import fc from 'fast-check';
import { showCount, showExactSize, showHex, showOffset, showSize } from '../../../src/engine/format/show.ts';

describe('numbers as shown', () => {
  it('are exact, in groups', () => {
    assert.equal(showCount(2n ** 64n - 1n).replaceAll('\u202f', ' '), '18 446 744 073 709 551 615');
    assert.equal(showCount(0), '0');
    assert.equal(showOffset(0x30000), '0x3_0000');
    assert.equal(showOffset(2n ** 64n - 1n), '0xffff_ffff_ffff_ffff');
    assert.equal(showHex(Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0)), '51 46 49 fb 00');
  });

  it('lose no digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        assert.equal(BigInt(showCount(value).replaceAll('\u202f', '')), value);
        assert.equal(BigInt(showOffset(value).replaceAll('_', '')), value);
      }),
    );
  });

  it('are sizes in binary units', () => {
    const sizes = [0n, 1n, 1023n, 1024n, 1536n, 65536n, 2n ** 40n, 2n ** 40n - 1n, 2n ** 64n - 1n, 443_000_000_000n];
    assert.deepEqual(sizes.map(showSize), [
      '0 bytes',
      '1 byte',
      '1023 bytes',
      '1 KiB',
      '1.5 KiB',
      '64 KiB',
      '1 TiB',
      '1 TiB',
      '16 EiB',
      '412.6 GiB',
    ]);
  });

  it('are exact sizes in the largest unit that has no more than tenths', () => {
    const sizes = [0n, 1n, 1536n, 1537n, 2n ** 30n, 2n ** 30n + 2n ** 26n, 2n ** 30n + 512n, 2n ** 63n - 512n];
    assert.deepEqual(
      sizes.map((size) => showExactSize(size).replaceAll('\u202f', ' ')),
      [
        '0 bytes',
        '1 byte',
        '1.5 KiB',
        '1 537 bytes',
        '1 GiB',
        '1 088 MiB',
        '1 048 576.5 KiB',
        '9 007 199 254 740 991.5 KiB',
      ],
    );
  });
});
