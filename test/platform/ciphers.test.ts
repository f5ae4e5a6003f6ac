import assert from 'node:assert/strict';
import type { HashAlg } from '../../src/engine/ports.ts';
import { ciphers } from '../../src/platform/ciphers.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the ciphers of Node', () => {
  const digests: readonly (readonly [HashAlg, string])[] = [
    ['md5', '900150983cd24fb0d6963f7d28e17f72'],
    ['sha1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['sha224', '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'],
    ['sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['ripemd160', '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc'],
  ];
  for (const [hash, digest] of digests) {
    it(`give the ${hash} of abc as it is published`, () => {
      assert.equal(shown(ciphers.digest(hash, Buffer.from('abc'))), digest);
    });
  }

  it('derive keys as RFC 6070 and RFC 7914 say', () => {
    const [secret, salt] = [Buffer.from('password'), Buffer.from('salt')];
    assert.equal(shown(ciphers.pbkdf2('sha1', secret, salt, 4096, 20)), '4b007901b765489abead49d926f721d065a429c1');
    assert.equal(
      shown(ciphers.pbkdf2('sha256', Buffer.from('passwd'), salt, 1, 64)),
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    );
  });

  it('encrypt a block as FIPS 197 says, by keys of each length', () => {
    const block = hex('00112233445566778899aabbccddeeff');
    const key = Uint8Array.from({ length: 32 }, (_, index) => index);
    const ecb = (bytes: number): string => shown(ciphers.encryptAes('ecb', key.subarray(0, bytes), undefined, block));
    assert.equal(ecb(16), '69c4e0d86a7b0430d8cdb78070b4c55a');
    assert.equal(ecb(24), 'dda97ca4864cdfe06eaf70a0ec0d7191');
    assert.equal(ecb(32), '8ea2b7ca516745bfeafc49904b496089');
  });

  it('encrypt two blocks as NIST SP 800-38A says, in the modes that chain them', () => {
    const key = hex('2b7e151628aed2a6abf7158809cf4f3c');
    const data = hex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51');
    assert.equal(
      shown(ciphers.encryptAes('cbc', key, hex('000102030405060708090a0b0c0d0e0f'), data)),
      '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2',
    );
    assert.equal(
      shown(ciphers.encryptAes('ctr', key, hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'), data)),
      '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff',
    );
  });

  it('say what this build of Node has not got', () => {
    const unknown = 'sha3' as HashAlg;
    const refusal = { code: 'not-supported', message: /^Algorithm 'sha3' not supported by this build of Node: / };
    assert.throws(() => ciphers.digest(unknown, new Uint8Array(1)), refusal);
    assert.throws(() => ciphers.pbkdf2(unknown, new Uint8Array(1), new Uint8Array(1), 1000, 16), refusal);
  });

  it('do no more iterations than Node counts', () => {
    assert.throws(() => ciphers.pbkdf2('sha256', new Uint8Array(1), new Uint8Array(1), 2 ** 31, 16), {
      code: 'not-supported',
      message: /PBKDF iterations 2147483648 larger than 2147483647/,
    });
  });

  it('know how much time the processor has spent', () => {
    const start = ciphers.processorTime();
    ciphers.pbkdf2('sha512', new Uint8Array(1), new Uint8Array(16), 200_000, 64);
    assert.ok(ciphers.processorTime() > start);
  });
});
