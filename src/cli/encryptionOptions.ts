import { cipherAlgs, cipherModes, ivGenerators } from '../engine/format/luksAlgorithms.ts';
import type { LuksOptions } from '../engine/operations/luksSettings.ts';
import type { NewImageOptions } from '../engine/operations/newImage.ts';
import { hashAlgs } from '../engine/ports.ts';
import { type GivenOptions, numberValue, oneOf } from './optionList.ts';

/** Ciphers that QEMU has a name for, though LUKS has not got them. */
const otherCiphers = ['des', '3des'];

const luksOnly = ['cipher-alg', 'cipher-mode', 'ivgen-alg', 'ivgen-hash-alg', 'hash-alg', 'iter-time'];

/** The options of the encryption as the engine takes them, read in QEMU's order. Throws QEMU's messages. */
export function encryptionOptions(given: GivenOptions): NewImageOptions['encryption'] {
  const format = encryptionFormat(given);
  if (format === undefined) {
    return undefined;
  }
  if (format === 'luks') {
    return { format, ...luksOptions(given) };
  }
  const unexpected = luksOnly.find((name) => given.has(`encrypt.${name}`));
  if (unexpected !== undefined) {
    throw new Error(`Parameter 'encrypt.${unexpected}' is unexpected`);
  }
  return { format };
}

/** Throws QEMU's message where the format is given by its old name too. */
export function refuseBothFormats(given: GivenOptions): void {
  if (given.get('encryption') === 'on' && given.has('encrypt.format')) {
    throw new Error("'encrypt.format' and its alias 'encryption' can't be used at the same time");
  }
}

/** `encryption=on` is the old name for `encrypt.format=aes`. */
function encryptionFormat(given: GivenOptions): 'aes' | 'luks' | undefined {
  const format = given.get('encryption') === 'on' ? 'aes' : given.get('encrypt.format');
  if (format === undefined && [...given.keys()].some((name) => name.startsWith('encrypt.'))) {
    throw new Error("Parameter 'encrypt.format' is missing");
  }
  return oneOf('format', format, ['aes', 'luks']);
}

function luksOptions(given: GivenOptions): LuksOptions {
  const value = (name: string): string | undefined => given.get(`encrypt.${name}`);
  const cipherAlg = oneOf('cipher-alg', value('cipher-alg'), [...cipherAlgs, ...otherCiphers]);
  const cipherMode = oneOf('cipher-mode', value('cipher-mode'), cipherModes);
  const ivgenAlg = oneOf('ivgen-alg', value('ivgen-alg'), ivGenerators);
  const ivgenHashAlg = oneOf('ivgen-hash-alg', value('ivgen-hash-alg'), hashAlgs);
  const hashAlg = oneOf('hash-alg', value('hash-alg'), hashAlgs);
  const iterTime = value('iter-time');
  return {
    ...(cipherAlg === undefined ? {} : { cipherAlg }),
    ...(cipherMode === undefined ? {} : { cipherMode }),
    ...(ivgenAlg === undefined ? {} : { ivgenAlg }),
    ...(ivgenHashAlg === undefined ? {} : { ivgenHashAlg }),
    ...(hashAlg === undefined ? {} : { hashAlg }),
    ...(iterTime === undefined ? {} : { iterTime: numberValue('encrypt.iter-time', iterTime) }),
  };
}
