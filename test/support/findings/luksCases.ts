import { ImageBuilder } from '../builder.ts';
import { type FindingCase, type NumberField, numbers, padded } from './findingCase.ts';

const crypto = 0x0537be77;
const cluster = 65536n;
/** Where the LUKS header is in these images. */
const luks = 5n * cluster;

const enabled = 0x00ac71f3;
const disabled = 0x0000dead;
/** Sectors of the key material of one slot: 64 bytes of key in 4000 stripes, up to a multiple of 4 KiB. */
const slotSectors = 504;
/** Where the payload would start, in sectors. */
const payload = 8 + 8 * slotSectors;
/** Bytes of the LUKS header with its key material. */
const areaBytes = BigInt(payload * 512);

/** A LUKS1 header with one slot in use. */
function luksHeader(): number[] {
  const slots = Array.from({ length: 8 }, (_, index) => {
    const state = index === 0 ? enabled : disabled;
    return numbers([4, state], [4, 1000], ...salt(), [4, 8 + index * slotSectors], [4, 4000]);
  });
  return [
    0x4c,
    0x55,
    0x4b,
    0x53,
    0xba,
    0xbe,
    ...numbers([2, 1]),
    ...padded('aes', 32),
    ...padded('xts-plain64', 32),
    ...padded('sha256', 32),
    ...numbers([4, payload], [4, 64]),
    ...padded('', 20 + 32),
    ...numbers([4, 1000]),
    ...padded('00000000-0000-0000-0000-000000000000', 40),
    ...slots.flat(),
  ];
}

/** The 32 bytes of a slot's salt. */
function salt(): NumberField[] {
  return [1, 2, 3, 4].map((word) => [8, word]);
}

/** An image encrypted with LUKS; the extension says where the LUKS header is and how long its area. */
export function encrypted(offset = luks, length = areaBytes): ImageBuilder {
  const image = new ImageBuilder({ crypt_method: 2 }).extension(crypto, numbers([8, offset], [8, length]));
  return image.put(luks, luksHeader()).truncate(luks + areaBytes);
}

/** `encrypted` with the LUKS header changed at a byte. */
function changed(at: number, ...fields: readonly NumberField[]): () => ImageBuilder {
  return () => encrypted().put(luks + BigInt(at), numbers(...fields));
}

/** Byte of a field of a key slot. */
function slot(index: number, field: 'active' | 'iterations' | 'offset' | 'stripes'): number {
  return 208 + 48 * index + { active: 0, iterations: 4, offset: 40, stripes: 44 }[field];
}

/** Findings about the encryption header and where it is. */
export const luksCases: readonly FindingCase[] = [
  {
    code: 'crypto-extension-unexpected',
    what: 'method 0, method 2',
    has: () => encrypted().header({ crypt_method: 0 }),
    nearly: () => encrypted().header({ crypt_method: 2 }),
  },
  {
    code: 'crypto-extension-size',
    what: '17 bytes, 16 bytes',
    has: () => encrypted().put32(116, 17),
    nearly: () => encrypted().put32(116, 16),
  },
  {
    code: 'crypto-extension-missing',
    what: 'without and with the extension',
    has: () => new ImageBuilder({ crypt_method: 2 }),
    nearly: () => encrypted(),
  },
  {
    code: 'luks-offset-invalid',
    what: 'half a cluster further, at a cluster',
    has: () => encrypted(luks + cluster / 2n),
    nearly: () => encrypted(luks),
  },
  {
    code: 'luks-header-past-end',
    what: 'a byte past the end of the file, at its end',
    has: () => encrypted().truncate(luks + areaBytes - 1n),
    nearly: () => encrypted().truncate(luks + areaBytes),
  },
  {
    code: 'luks-header-too-short',
    what: '591 bytes, 592 bytes',
    has: () => encrypted(luks, 591n),
    nearly: () => encrypted(luks, 592n),
  },
  {
    code: 'luks-magic-wrong',
    what: 'an area past the end of the file, in it',
    has: () => encrypted(1000n * cluster),
    nearly: () => encrypted(luks),
  },
  {
    code: 'luks-header-unreadable',
    what: 'the end of the header past 2^63 - 2^30, before it',
    has: () => encrypted(2n ** 63n - 2n ** 30n),
    nearly: () => encrypted(2n ** 63n - 2n ** 30n - cluster),
    instead: ['luks-header-past-end', 'luks-magic-wrong'],
  },
  { code: 'luks-magic-wrong', what: 'one bit of the magic', has: changed(5, [1, 0xbf]), nearly: changed(5, [1, 0xbe]) },
  { code: 'luks-version-unsupported', what: 'version 2, 1', has: changed(6, [2, 2]), nearly: changed(6, [2, 1]) },
  {
    code: 'luks-text-unterminated',
    what: 'a cipher name of 32 letters, with a zero byte at the end',
    has: () => encrypted().put(luks + 8n + 3n, padded(' '.repeat(29))),
    nearly: () => encrypted().put8(luks + 8n + 31n, 0),
  },
  {
    code: 'luks-text-unterminated',
    what: 'a cipher mode of 32 letters, of 31',
    has: () => encrypted().put(luks + 40n + 11n, padded(' '.repeat(21))),
    nearly: () => encrypted().put8(luks + 40n + 31n, 0),
  },
  {
    code: 'luks-text-unterminated',
    what: 'a hash of 32 letters, of 31',
    has: () => encrypted().put(luks + 72n + 6n, padded(' '.repeat(26))),
    nearly: () => encrypted().put8(luks + 72n + 31n, 0),
  },
  {
    code: 'luks-payload-in-header',
    what: 'sector 7, sector 8',
    has: changed(104, [4, 7]),
    nearly: changed(104, [4, 8]),
    instead: ['luks-slot-in-payload'],
  },
  { code: 'luks-iterations-zero', what: '0, 1', has: changed(164, [4, 0]), nearly: changed(164, [4, 1]) },
  {
    code: 'luks-slot-stripes',
    what: '3999, 4000',
    has: changed(slot(7, 'stripes'), [4, 3999]),
    nearly: changed(slot(7, 'stripes'), [4, 4000]),
  },
  {
    code: 'luks-slot-in-header',
    what: 'sector 7, sector 8',
    has: changed(slot(0, 'offset'), [4, 7]),
    nearly: changed(slot(0, 'offset'), [4, 8]),
  },
  {
    code: 'luks-slot-state',
    what: 'one bit of the state',
    has: changed(slot(0, 'active'), [4, enabled ^ 1]),
    nearly: changed(slot(0, 'active'), [4, disabled]),
  },
  {
    code: 'luks-slot-iterations-zero',
    what: 'a slot in use with 0, another one',
    has: changed(slot(0, 'iterations'), [4, 0]),
    nearly: changed(slot(1, 'iterations'), [4, 0]),
  },
  {
    code: 'luks-slot-in-payload',
    what: 'a payload a sector before the end of the key material, at its end',
    has: changed(104, [4, payload - 1]),
    nearly: changed(104, [4, payload]),
  },
  {
    code: 'luks-slots-overlap',
    what: 'a sector before the end of the one before, at its end',
    has: changed(slot(1, 'offset'), [4, 8 + slotSectors - 1]),
    nearly: changed(slot(1, 'offset'), [4, 8 + slotSectors]),
  },
  ...algorithmCases(),
];

/** Each algorithm that a LUKS header names, unknown and known. */
function algorithmCases(): FindingCase[] {
  const text = (at: number, value: string): (() => ImageBuilder) => {
    return () => encrypted().put(luks + BigInt(at), padded(value, 32));
  };
  const [name, mode, hash] = [8, 40, 72];
  const keyBytes = (value: number): (() => ImageBuilder) => changed(108, [4, value]);
  const cast5 =
    (generator: string): (() => ImageBuilder) =>
    () =>
      keyBytes(16)()
        .put(luks + BigInt(name), padded('cast5', 32))
        .put(luks + BigInt(mode), padded(generator, 32));
  const cases: readonly (readonly [string, () => ImageBuilder, () => ImageBuilder])[] = [
    ['an unknown cipher', text(name, 'des'), text(name, 'serpent')],
    ['a cipher with another length of its key', text(name, 'cast5'), text(name, 'twofish')],
    ['a key of an odd length', keyBytes(63), keyBytes(48)],
    ['no generator', text(mode, 'xts'), text(mode, 'xts-plain')],
    ['an unknown mode', text(mode, 'cfb-plain64'), text(mode, 'xts-plain64')],
    ['an unknown generator', text(mode, 'xts-plain32'), text(mode, 'xts-plain64')],
    ['an unknown hash for the generator', text(mode, 'xts-essiv:sha3'), text(mode, 'xts-essiv:sha256')],
    ['no hash for the generator', text(mode, 'xts-essiv'), text(mode, 'xts-essiv:md5')],
    ['a hash that gives no key', text(mode, 'xts-essiv:sha1'), text(mode, 'xts-essiv:sha256')],
    ['a hash that gives no key for CAST5', cast5('cbc-essiv:sha1'), cast5('cbc-essiv:md5')],
    ['an unknown hash', text(hash, 'sha3'), text(hash, 'ripemd160')],
  ];
  return cases.map(([what, has, nearly]) => ({ code: 'luks-algorithm-unsupported', what, has, nearly }));
}
