import { parseSize } from '../engine/size.ts';
import { bytesOfText } from './bytes.ts';
import { warnOfHexUnit } from './hexUnit.ts';
import { Failure } from './program.ts';

/** A size as given for a resize. */
export interface SizeChange {
  /** Bytes, below 2^64. */
  readonly bytes: bigint;
  /** `+` and `-`: what is added to the disk, or taken from it; else its size. */
  readonly sign: '+' | '-' | '';
}

/** Reads a size with a sign, as qemu-img does. Throws a `Failure` in its words. */
export function readResizeSize(text: string): SizeChange {
  const sign = text.startsWith('+') ? '+' : text.startsWith('-') ? '-' : '';
  const digits = text.slice(sign.length);
  const size = parseSize(digits);
  if (size === 'invalid') {
    throw new Failure("Parameter 'size' expects a non-negative number below 2^64", {
      hint: 'Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.\n',
    });
  }
  if (size === 'out-of-range') {
    throw new Failure(`Value '${bytesOfText(digits)}' is out of range for parameter 'size'`);
  }
  warnOfHexUnit(digits, size);
  return { bytes: size.value, sign };
}

/** The size that a disk is to get, in signed 64-bit numbers as QEMU counts: far too large ones are negative. */
export function sizeAfter(before: bigint, { bytes, sign }: SizeChange): bigint {
  const signed = BigInt.asIntN(64, bytes);
  return sign === '' ? signed : BigInt.asIntN(64, sign === '+' ? before + signed : before - signed);
}
