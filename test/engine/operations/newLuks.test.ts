import assert from 'node:assert/strict';
import { parseLuks } from '../../../src/engine/format/luks.ts';
import { checkLuks } from '../../../src/engine/format/luksChecks.ts';
import { type LuksOptions, luksAreaBytes, luksSettings } from '../../../src/engine/operations/luksSettings.ts';
import { newLuks } from '../../../src/engine/operations/newLuks.ts';
import type { Ciphers } from '../../../src/engine/ports.ts';
import { ciphers as real } from '../../../src/platform/ciphers.ts';
import { openLuks } from '../../support/openLuks.ts';
import { timed } from '../../support/timedCiphers.ts';

const passphrase = 'päss phrase';
const phraseBytes = new TextEncoder().encode(passphrase);

/** 1000 iterations for the pass phrase. */
const { ciphers } = timed(1_000_000);

function area(options: LuksOptions): Uint8Array {
  return newLuks(luksSettings({ iterTime: 1n, ...options }), phraseBytes, ciphers);
}

const algorithms: readonly LuksOptions[] = [
  {},
  { cipherAlg: 'aes-128' },
  { cipherAlg: 'aes-128', cipherMode: 'cbc' },
  { cipherAlg: 'aes-256', cipherMode: 'cbc', ivgenAlg: 'plain' },
  { cipherMode: 'cbc', ivgenAlg: 'essiv' },
  { cipherAlg: 'aes-128', cipherMode: 'cbc', ivgenAlg: 'essiv', ivgenHashAlg: 'md5' },
  { ivgenAlg: 'essiv' },
  { cipherMode: 'ctr' },
  { cipherMode: 'ecb' },
  { hashAlg: 'md5' },
  { hashAlg: 'sha1' },
  { hashAlg: 'sha224' },
  { hashAlg: 'sha384' },
  { hashAlg: 'sha512' },
  { hashAlg: 'ripemd160' },
];

describe('a new LUKS area', () => {
  for (const options of algorithms) {
    it(`gives its master key to the pass phrase alone: ${JSON.stringify(options)}`, () => {
      const bytes = area(options);
      const { keyBytes } = luksSettings(options);
      assert.equal(openLuks(bytes, passphrase)?.length, keyBytes);
      assert.equal(openLuks(bytes, `${passphrase} `), undefined);
    });
  }

  it('has a header in which QEMU finds nothing wrong', () => {
    for (const options of [...algorithms, { cipherAlg: 'aes-192' }]) {
      const luks = parseLuks(area(options));
      assert.ok(luks);
      assert.deepEqual(checkLuks(luks, 0n), []);
    }
  });

  it('has QEMU’s defaults and places', () => {
    const bytes = area({});
    const luks = parseLuks(bytes);
    assert.ok(luks);
    assert.deepEqual([luks.cipherName, luks.cipherMode, luks.hash], ['aes', 'xts-plain64', 'sha256']);
    assert.deepEqual(luks.fields, { version: 1, payload_offset: 4040, key_bytes: 64, mk_digest_iter: 1000 });
    assert.deepEqual(
      luks.slots.map(({ fields }) => [fields.key_material_offset, fields.stripes, fields.iterations]),
      [8, 512, 1016, 1520, 2024, 2528, 3032, 3536].map((offset, index) => [offset, 4000, index === 0 ? 1000 : 0]),
    );
    assert.match(luks.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(bytes.length, 4040 * 512);
    assert.ok(bytes.subarray(592, 4096).every((byte) => byte === 0));
    assert.ok(bytes.subarray(4096 + 256_000).every((byte) => byte === 0));
  });

  it('names the hash of the initialisation vectors where it is given, though only ESSIV uses it', () => {
    const mode = (options: LuksOptions): string | undefined => parseLuks(area(options))?.cipherMode;
    assert.equal(mode({ cipherMode: 'cbc', ivgenAlg: 'plain', ivgenHashAlg: 'sha1' }), 'cbc-plain:sha1');
    assert.equal(mode({ cipherMode: 'cbc', ivgenAlg: 'essiv' }), 'cbc-essiv:sha256');
  });

  it('has the iterations that were measured: all for the pass phrase, an eighth for the master key', () => {
    const header = parseLuks(newLuks(luksSettings({}), phraseBytes, timed(3_000_000).ciphers));
    const { mk_digest_iter: master = 0 } = header?.fields ?? {};
    assert.equal(header?.slots[0]?.fields.iterations, 6_000_000);
    assert.equal(master, 750_000);
  });

  it('leaves no key in memory that it was given', () => {
    const given: Uint8Array[] = [];
    const keep = (bytes: Uint8Array): Uint8Array => {
      given.push(bytes);
      return bytes;
    };
    const watched: Ciphers = {
      ...ciphers,
      random: (length) => keep(real.random(length)),
      pbkdf2: (...args) => keep(ciphers.pbkdf2(...args)),
    };
    newLuks(luksSettings({ iterTime: 1n }), phraseBytes, watched);
    // The master key, what measured for the pass phrase, and the key of the slot. Salts and the digest are no secrets.
    const keys = given.filter(({ length }) => length === 64);
    assert.ok(keys.length >= 3);
    assert.ok(keys.every((key) => key.every((byte) => byte === 0)));
  });
});

describe('the settings of LUKS', () => {
  const refusals: readonly (readonly [LuksOptions, string, RegExp])[] = [
    [{ cipherAlg: '3des' }, 'bad-argument', /^Algorithm '3des' not supported$/],
    [{ ivgenAlg: 'essiv', ivgenHashAlg: 'sha1' }, 'bad-argument', /^No AES cipher with key size 20 available$/],
    [
      { cipherAlg: 'cast5-128', ivgenAlg: 'essiv', cipherMode: 'cbc' },
      'bad-argument',
      /^Cipher cast5-128 not supported with essiv$/,
    ],
    [{ cipherAlg: 'serpent-256' }, 'not-supported', /^Algorithm 'serpent-256' not supported: .* Use aes-256/],
    [{ cipherAlg: 'aes-192', cipherMode: 'ctr' }, 'bad-argument', /no whole number of sectors/],
  ];
  for (const [options, code, message] of refusals) {
    it(`are refused: ${JSON.stringify(options)}`, () => {
      assert.throws(() => luksSettings(options), { name: 'Qcow2Error', code, message });
    });
  }

  it('tell how much room the key slots take', () => {
    const bytes = (options: LuksOptions): number => luksAreaBytes(luksSettings(options));
    assert.equal(bytes({}), 2_068_480);
    assert.equal(bytes({ cipherAlg: 'aes-192' }), 1_544_192);
    assert.equal(bytes({ cipherAlg: 'aes-128' }), 1_052_672);
    assert.equal(bytes({ cipherAlg: 'aes-128', cipherMode: 'cbc' }), 528_384);
  });
});
