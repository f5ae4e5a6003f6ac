import { Qcow2Error } from '../error.ts';
import { luksHeaderSectors, luksKeyMaterialSectors, luksSectorBytes, luksSlots, luksStripes } from '../format/luks.ts';
import { type CipherMode, cipherAlgs, type IvGenerator, unknownAlgorithm } from '../format/luksAlgorithms.ts';
import type { HashAlg } from '../ports.ts';

/** What a user may say of the encryption of a new image; the rest is QEMU's default. */
export interface LuksOptions {
  /** `aes-256` and so on. */
  readonly cipherAlg?: string;
  readonly cipherMode?: CipherMode;
  readonly ivgenAlg?: IvGenerator;
  readonly ivgenHashAlg?: HashAlg;
  /** Of PBKDF2 and the anti-forensic splitter. */
  readonly hashAlg?: HashAlg;
  /** Milliseconds that the pass phrase is to take. */
  readonly iterTime?: bigint;
}

/** How a new image is encrypted by LUKS. */
export interface LuksSettings {
  readonly cipherName: string;
  readonly cipherMode: CipherMode;
  readonly ivgenAlg: IvGenerator;
  /** Written to the header wherever it is given; only ESSIV uses it. */
  readonly ivgenHashAlg?: HashAlg;
  readonly hashAlg: HashAlg;
  readonly iterTime: bigint;
  /** Bytes of the master key, which for XTS is two keys. */
  readonly keyBytes: number;
}

/**
 * The settings that options describe, checked as QEMU does (qcrypto_block_luks_create), in its words where it refuses
 * them too. Throws `bad-argument`, and `not-supported` for ciphers that only QEMU has.
 */
export function luksSettings(options: LuksOptions): LuksSettings {
  const { cipherAlg = 'aes-256', cipherMode = 'xts', ivgenAlg = 'plain64' } = options;
  const { hashAlg = 'sha256', iterTime = 2000n } = options;
  const ivgenHashAlg = options.ivgenHashAlg ?? (ivgenAlg === 'essiv' ? 'sha256' : undefined);
  if (!cipherAlgs.includes(cipherAlg)) {
    throw new Qcow2Error('bad-argument', `Algorithm '${cipherAlg}' not supported`);
  }
  const [cipherName = '', bits] = cipherAlg.split('-');
  const keyBytes = (Number(bits) / 8) * (cipherMode === 'xts' ? 2 : 1);
  const settings: LuksSettings = {
    cipherName,
    cipherMode,
    ivgenAlg,
    hashAlg,
    iterTime,
    keyBytes,
    ...(ivgenHashAlg === undefined ? {} : { ivgenHashAlg }),
  };
  const unknown = unknownAlgorithm({
    cipherName,
    cipherMode: cipherModeText(settings),
    hash: hashAlg,
    fields: { key_bytes: keyBytes },
  });
  if (unknown !== undefined) {
    throw new Qcow2Error('bad-argument', unknown);
  }
  if (cipherName !== 'aes') {
    throw new Qcow2Error(
      'not-supported',
      `Algorithm '${cipherAlg}' not supported: images are encrypted by AES only. Use aes-256 or aes-128.`,
    );
  }
  if ((keyBytes * luksStripes) % luksSectorBytes !== 0) {
    throw new Qcow2Error(
      'bad-argument',
      `Algorithm '${cipherAlg}' not supported in mode '${cipherMode}': its key material is no whole number of sectors. ` +
        'Use the mode xts, or aes-256 or aes-128.',
    );
  }
  return settings;
}

/** The cipher mode as the header has it: `xts-plain64`, `cbc-essiv:sha256`. */
export function cipherModeText({ cipherMode, ivgenAlg, ivgenHashAlg }: LuksSettings): string {
  return `${cipherMode}-${ivgenAlg}${ivgenHashAlg === undefined ? '' : `:${ivgenHashAlg}`}`;
}

/** Bytes of the LUKS header with the room for the key material of all slots: QEMU's payload offset. */
export function luksAreaBytes({ keyBytes }: LuksSettings): number {
  return (luksHeaderSectors + luksSlots * luksKeyMaterialSectors(keyBytes, luksStripes)) * luksSectorBytes;
}
