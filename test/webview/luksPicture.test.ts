import assert from 'node:assert/strict';
import fc from 'fast-check';
import { luksParts } from '../../webview/panes/luksPicture.ts';

type Luks = Parameters<typeof luksParts>[1];

/** A LUKS header whose key slots have their material at these places. */
function luks(...materials: readonly (readonly [offset: bigint, length: bigint])[]): Luks {
  return {
    rows: [],
    cipherWords: '',
    keyBytes: 64,
    payloadOffset: 0n,
    slots: materials.map(([offset, length], index) => ({
      index,
      offset: 208 + index * 48,
      state: index === 0 ? 'active' : 'disabled',
      iterations: 0,
      stripes: 4000,
      salt: new Uint8Array(32),
      material: { offset, length },
      fields: [],
    })),
  };
}

describe('the parts of a LUKS area', () => {
  it('are the header, key material, and what is between', () => {
    const parts = luksParts({ offset: 0x1_0000n, length: 10_000n }, luks([4096n, 1000n], [8192n, 1000n]));
    assert.deepEqual(
      parts.map(({ start, end, kind, label }) => [start, end, kind, label]),
      [
        [0n, 592n, 'header', 'header'],
        [592n, 4096n, 'unused', ''],
        [4096n, 5096n, 'active', '0'],
        [5096n, 8192n, 'unused', ''],
        [8192n, 9192n, 'disabled', '1'],
        [9192n, 10_000n, 'unused', ''],
      ],
    );
    assert.deepEqual(parts[1]?.selection, { kind: 'host', start: 0x1_0000n + 592n, length: 3504n });
    assert.deepEqual(parts[2]?.selection, { kind: 'key-slot', index: 0 });
  });

  it('take up the area once, from its start to its end, wherever the header says that they lie', () => {
    const place = fc.tuple(fc.bigInt(0n, 20_000n), fc.bigInt(0n, 5000n));
    fc.assert(
      fc.property(fc.array(place, { maxLength: 8 }), fc.bigInt(0n, 12_000n), (places, length) => {
        let at = 0n;
        for (const { start, end } of luksParts({ offset: 0n, length }, luks(...places))) {
          assert.equal(start, at);
          assert.ok(end > start);
          at = end;
        }
        assert.equal(at, length);
      }),
    );
  });
});
