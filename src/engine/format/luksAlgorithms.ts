import type { HashAlg } from '../ports.ts';
import type { Luks } from './luks.ts';

/** The ciphers that QEMU knows in a LUKS header, with the lengths of their keys in bytes. */
const ciphers: ReadonlyMap<string, readonly number[]> = new Map([
  ['aes', [16, 24, 32]],
  ['cast5', [16]],
  ['serpent', [16, 24, 32]],
  ['twofish', [16, 24, 32]],
]);

/** How a cipher is applied to more than one block, by QEMU's names. */
export const cipherModes = ['ecb', 'cbc', 'xts', 'ctr'] as const;

/** What a sector's initialisation vector is made by, by QEMU's names. */
export const ivGenerators = ['plain', 'plain64', 'essiv'] as const;

/** One of `cipherModes`. */
export type CipherMode = (typeof cipherModes)[number];

/** One of `ivGenerators`. */
export type IvGenerator = (typeof ivGenerators)[number];

/** Bytes that the hashes give; for ESSIV they are the length of its cipher's key. */
export const digestBytes: Readonly<Record<HashAlg, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  ripemd160: 20,
};

const hashBytes: ReadonlyMap<string, number> = new Map(Object.entries(digestBytes));

const modes: ReadonlySet<string> = new Set(cipherModes);
const generators: ReadonlySet<string> = new Set(ivGenerators);

/** The ciphers of LUKS with the bits of their keys, by QEMU's names: `aes-128` and so on. */
export const cipherAlgs: readonly string[] = [...ciphers].flatMap(([name, lengths]) =>
  lengths.map((bytes) => `${name}-${bytes * 8}`),
);

/** The names of algorithms in a LUKS header. `key_bytes`: of the master key. */
export interface AlgorithmNames extends Pick<Luks, 'cipherName' | 'cipherMode' | 'hash'> {
  readonly fields: { readonly key_bytes: number };
}

/**
 * QEMU's message about an algorithm of a LUKS header that it does not know (qcrypto_block_luks_parse_header); undefined
 * where it knows them all. The cipher mode is `mode-generator` or `mode-generator:hash`.
 */
export function unknownAlgorithm({ cipherName, cipherMode, hash, fields }: AlgorithmNames): string | undefined {
  const dash = cipherMode.indexOf('-');
  if (dash === -1) {
    return `Unexpected cipher mode string format '${cipherMode}'`;
  }
  const mode = cipherMode.slice(0, dash);
  const [generator = '', ...rest] = cipherMode.slice(dash + 1).split(':');
  const generatorHash = rest.length === 0 ? undefined : rest.join(':');
  const keyBytes = mode === 'xts' ? Math.floor(fields.key_bytes / 2) : fields.key_bytes;
  if (generatorHash !== undefined && !hashBytes.has(generatorHash)) {
    return `Hash algorithm '${generatorHash}' not supported`;
  }
  if (!modes.has(mode)) {
    return `Cipher mode '${mode}' not supported`;
  }
  if (!ciphers.get(cipherName)?.includes(keyBytes)) {
    return `Algorithm '${cipherName}' with key size ${keyBytes} bytes not supported`;
  }
  if (!hashBytes.has(hash)) {
    return `Hash algorithm '${hash}' not supported`;
  }
  if (!generators.has(generator)) {
    return `IV generator '${generator}' not supported`;
  }
  return generator === 'essiv' ? unknownEssiv(cipherName, keyBytes, generatorHash) : undefined;
}

/** What QEMU calls the ciphers that ESSIV can use with a key of another length. */
const essivCiphers: Readonly<Record<string, string>> = { aes: 'AES', serpent: 'Serpent', twofish: 'Twofish' };

/** ESSIV encrypts with the same cipher, and the hash of the key as its key (qcrypto_block_luks_essiv_cipher). */
function unknownEssiv(cipherName: string, keyBytes: number, hash: string | undefined): string | undefined {
  if (hash === undefined) {
    return 'Missing IV generator hash specification';
  }
  const needed = hashBytes.get(hash) ?? 0;
  const cipher = essivCiphers[cipherName];
  if (needed === keyBytes || (cipher !== undefined && ciphers.get(cipherName)?.includes(needed))) {
    return undefined;
  }
  return cipher === undefined
    ? `Cipher ${cipherName}-${8 * keyBytes} not supported with essiv`
    : `No ${cipher} cipher with key size ${needed} available`;
}

const cipherNames: Readonly<Record<string, string>> = {
  aes: 'AES',
  cast5: 'CAST5',
  serpent: 'Serpent',
  twofish: 'Twofish',
};

/** The cipher of a LUKS header as a sentence; names that are not known stay as they are. */
export function cipherWords({ cipherName, cipherMode, fields }: Luks): string {
  const [mode = '', generator = ''] = cipherMode.split(/-(.*)/s);
  const bits = fields.key_bytes * 8;
  const key = mode === 'xts' ? `two keys of ${bits / 2} bits` : `a key of ${bits} bits`;
  const name = cipherNames[cipherName] ?? cipherName;
  return `${name} in ${mode.toUpperCase()} mode with ${key}${generatorWords(generator)}.`;
}

/** QEMU takes the number of the 512-byte sector in the file, not of the guest's disk. */
function generatorWords(generator: string): string {
  const [name = '', hash = ''] = generator.split(/:(.*)/s);
  switch (name) {
    case 'plain':
      return '; each sector’s initialisation vector is its number in the file, cut to 32 bits';
    case 'plain64':
      return '; each sector’s initialisation vector is its number in the file';
    case 'essiv':
      return `; each sector’s initialisation vector is its number in the file, encrypted with the ${hash} of the key`;
    case '':
      return '';
    default:
      return `; initialisation vectors by ${generator}`;
  }
}
