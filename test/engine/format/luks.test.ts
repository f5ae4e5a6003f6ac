import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeLuks, type Luks, luksHeaderBytes, parseLuks } from '../../../src/engine/format/luks.ts';
import { cipherWords } from '../../../src/engine/format/luksAlgorithms.ts';
import { checkLuks } from '../../../src/engine/format/luksChecks.ts';
import { describeLuks } from '../../../src/engine/image/describeLuks.ts';

/** A LUKS1 header as cryptsetup and QEMU write it: AES-256-XTS, slot 0 in use, and `change`d. */
function header(change: (view: DataView, bytes: Uint8Array) => void = () => undefined): Luks {
  const bytes = new Uint8Array(luksHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1]);
  const text = (at: number, content: string): void =>
    bytes.set(
      Array.from(content, (c) => c.charCodeAt(0)),
      at,
    );
  text(8, 'aes');
  text(40, 'xts-plain64');
  text(72, 'sha256');
  text(168, '12345678-1234-1234-1234-123456789abc');
  view.setUint32(104, 4040);
  view.setUint32(108, 64);
  view.setUint32(164, 1000);
  for (let slot = 0; slot < 8; slot += 1) {
    const at = 208 + slot * 48;
    view.setUint32(at, slot === 0 ? 0x00ac71f3 : 0x0000dead);
    view.setUint32(at + 4, slot === 0 ? 2000 : 0);
    view.setUint32(at + 40, 8 + slot * 504);
    view.setUint32(at + 44, 4000);
  }
  change(view, bytes);
  const luks = parseLuks(bytes);
  assert(luks);
  return luks;
}

describe('a LUKS header', () => {
  it('is encoded to the bytes that it was decoded from', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 592, maxLength: 592 }), (bytes) => {
        const luks = parseLuks(bytes);
        assert(luks);
        assert.deepEqual(encodeLuks(luks), bytes);
      }),
    );
  });

  it('needs 592 bytes', () => {
    assert.equal(parseLuks(new Uint8Array(591)), undefined);
  });

  it('tells cipher, hash and slots', () => {
    const { cipherName, cipherMode, hash, uuid, slots } = header();
    assert.deepEqual([cipherName, cipherMode, hash], ['aes', 'xts-plain64', 'sha256']);
    assert.equal(uuid, '12345678-1234-1234-1234-123456789abc');
    assert.deepEqual(
      slots.map(({ active }) => active),
      [true, ...Array.from({ length: 7 }, () => false)],
    );
  });

  it('has nothing wrong as QEMU writes it', () => {
    assert.deepEqual(checkLuks(header(), 0n), []);
  });

  const rows: readonly (readonly [string, (view: DataView, bytes: Uint8Array) => unknown, readonly string[]])[] = [
    ['another magic', (view) => view.setUint8(0, 0x4d), ['luks-magic-wrong']],
    ['version 2', (view) => view.setUint16(6, 2), ['luks-version-unsupported']],
    ['a cipher without end', (_, bytes) => bytes.fill(97, 8, 40), ['luks-text-unterminated']],
    [
      'a payload in the header',
      (view) => view.setUint32(104, 7),
      ['luks-payload-in-header', ...Array.from({ length: 8 }, () => 'luks-slot-in-payload')],
    ],
    ['no iterations', (view) => view.setUint32(164, 0), ['luks-iterations-zero']],
    ['other stripes', (view) => view.setUint32(208 + 44, 3999), ['luks-slot-stripes']],
    ['key material in the header', (view) => view.setUint32(208 + 40, 7), ['luks-slot-in-header']],
    ['a slot in no state', (view) => view.setUint32(208 + 48, 1), ['luks-slot-state']],
    ['an active slot without iterations', (view) => view.setUint32(212, 0), ['luks-slot-iterations-zero']],
    ['key material in the payload', (view) => view.setUint32(104, 4039), ['luks-slot-in-payload']],
    ['slots over each other', (view) => view.setUint32(208 + 40, 9), ['luks-slots-overlap']],
  ];
  for (const [what, change, codes] of rows) {
    it(`has something wrong with ${what}`, () => {
      const luks = header((view, bytes) => void change(view, bytes));
      assert.deepEqual(
        checkLuks(luks, 0n).map(({ code }) => code),
        codes,
      );
    });
  }
});

describe('the cipher of a LUKS header in words', () => {
  const words = (name: string, mode: string, keyBytes: number): string =>
    cipherWords(
      header((view, bytes) => {
        const text = (at: number, content: string): void => {
          bytes.fill(0, at, at + 32).set(new TextEncoder().encode(content), at);
        };
        text(8, name);
        text(40, mode);
        view.setUint32(108, keyBytes);
      }),
    );

  it('has two keys in XTS mode', () => {
    assert.equal(
      words('aes', 'xts-plain64', 64),
      'AES in XTS mode with two keys of 256 bits; each sector’s initialisation vector is its number in the file.',
    );
  });

  it('names the hash of ESSIV', () => {
    assert.equal(
      words('serpent', 'cbc-essiv:sha256', 16),
      'Serpent in CBC mode with a key of 128 bits; each sector’s initialisation vector is its number in the file, encrypted with the sha256 of the key.',
    );
  });

  it('keeps names that are not known, and says nothing of what is not there', () => {
    assert.equal(words('rot13', 'ecb', 8), 'rot13 in ECB mode with a key of 64 bits.');
    assert.match(words('aes', 'cbc-benbi', 32), /vectors by benbi\.$/);
  });
});

describe('a LUKS header in full', () => {
  it('has every byte but for the key slots once, in order', () => {
    const { rows } = describeLuks(header());
    let at = 0;
    for (const { offset, bytes } of rows) {
      assert.equal(offset, at);
      at += bytes.length;
    }
    assert.equal(at, 208);
    assert.deepEqual(
      rows.filter(({ shown }) => shown !== '').map(({ name, shown }) => [name, shown.replaceAll('\u202f', '')]),
      [
        ['version', '1'],
        ['cipher_name', 'aes'],
        ['cipher_mode', 'xts-plain64'],
        ['hash_spec', 'sha256'],
        ['payload_offset', '4040'],
        ['key_bytes', '64'],
        ['mk_digest_iter', '1000'],
        ['uuid', '12345678-1234-1234-1234-123456789abc'],
      ],
    );
  });

  it('has the key slots with their state and the place of their key material', () => {
    const { slots, payloadOffset } = describeLuks(header((view) => view.setUint32(208 + 48 * 7, 5)));
    assert.deepEqual(
      slots.map(({ index, offset, state }) => [index, offset, state]).filter((_, index) => [0, 1, 7].includes(index)),
      [
        [0, 208, 'active'],
        [1, 256, 'disabled'],
        [7, 544, 'unknown'],
      ],
    );
    assert.deepEqual(slots[1]?.material, { offset: 512n * 512n, length: 256_000n });
    assert.equal(payloadOffset, 4040n * 512n);
  });
});
