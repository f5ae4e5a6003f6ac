import {
  type BitChange,
  bitCautions,
  planFeatureBits,
  type StateBit,
  stateBits,
} from '../engine/operations/featureBits.ts';
import { bytesOfText } from './bytes.ts';
import { changeImage } from './change.ts';
import { changeArguments, changeOptions } from './changeOptions.ts';
import { openImageFile } from './imageFile.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'set', value: true },
  { long: 'clear', value: true },
  // The bit once more, for each: the second question.
  { long: 'confirm', value: true },
  ...changeOptions,
];

/**
 * `qcow2 bits`: sets or clears the dirty and the corrupt bit. Asks twice: it says what that means and does nothing unless
 * each bit is named once more with `--confirm`. Exit status 0 when it is done, 1 when not.
 */
export async function bits(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('bits'));
    return 0;
  }
  const [file] = read.operands;
  if (file === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  const change = readChange(read);
  const argument = changeArguments(read);
  const wanted = Object.keys(change).filter(isBit);
  const confirmed = bitsGiven(read, 'confirm');
  const missing = wanted.filter((bit) => !confirmed.includes(bit));
  if (argument.dryRun === 'no' && missing.length > 0) {
    const again = missing.map((bit) => ` --confirm ${bit}`).join('');
    throw new Failure(`nothing was changed: say that you mean it with${again}`, {
      hint: bytesOfText(
        bitCautions(change)
          .map((caution) => `${caution}\n`)
          .join(''),
      ),
    });
  }
  const format = value('format');
  await changeImage(
    { name: file, open: (purpose) => openImageFile(file, format, purpose) },
    argument,
    out,
    ({ image, storage, from }) => planFeatureBits(image, storage, from, change),
    { purpose: 'info' },
  );
  return 0;
}

function readChange(read: Arguments): BitChange {
  const set = bitsGiven(read, 'set');
  const clear = bitsGiven(read, 'clear');
  const both = set.find((bit) => clear.includes(bit));
  if (both !== undefined) {
    throw usageFailure(`the ${both} bit can't be both set and cleared`);
  }
  if (set.length + clear.length === 0) {
    throw usageFailure('Expecting --set or --clear with a bit: dirty or corrupt');
  }
  return Object.fromEntries([...set.map((bit) => [bit, true]), ...clear.map((bit) => [bit, false])]) as BitChange;
}

function bitsGiven({ given }: Arguments, option: string): StateBit[] {
  return given
    .filter(({ name }) => name === option)
    .map(({ value }) => {
      if (!isBit(value)) {
        throw usageFailure(`--${option} takes dirty or corrupt, not '${bytesOfText(value)}'`);
      }
      return value;
    });
}

function isBit(name: string): name is StateBit {
  return Object.hasOwn(stateBits, name);
}
