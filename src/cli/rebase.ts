import { Qcow2Error } from '../engine/error.ts';
import { planRebase } from '../engine/operations/rebase.ts';
import { bytesOfText } from './bytes.ts';
import { requireCacheMode } from './cacheModes.ts';
import { changeImage } from './change.ts';
import { changeArguments, changeOptions } from './changeOptions.ts';
import { formatRefusal } from './formats.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { ProgressLine } from './progressLine.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'backing', short: 'b', value: true },
  { long: 'backing-format', short: 'F', value: true },
  { long: 'unsafe', short: 'u' },
  { long: 'quiet', short: 'q' },
  { long: 'progress', short: 'p' },
  { long: 'cache', short: 't', value: true },
  { long: 'source-cache', short: 'T', value: true },
  // For the files that data would be copied from.
  { long: 'force-share', short: 'U' },
  ...sourceOptions,
  ...changeOptions,
];

/** `qcow2 rebase -u`: qemu-img's verb, for the names in the header. Without `-u` data would be copied: not there yet. */
export function rebase(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  return withSources(read, out, (sourceOf) => rebaseImage(read, sourceOf, out));
}

async function rebaseImage(read: Arguments, sourceOf: (operand: string) => ImageSource, out: Output): Promise<number> {
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('rebase'));
    return 0;
  }
  const [file] = read.operands;
  if (file === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  const backing = value('backing');
  const format = value('backing-format');
  if (value('unsafe') === undefined && backing === undefined) {
    throw usageFailure('Must specify backing file (-b) or use unsafe mode (-u)');
  }
  if (value('unsafe') === undefined) {
    throw new Failure("rebase without '-u' is not there yet: only the names in the header are changed");
  }
  const progress = new ProgressLine(out, value('progress') !== undefined && value('quiet') === undefined);
  progress.start();
  try {
    requireCacheMode('cache', value('cache'));
    requireCacheMode('source cache', value('source-cache'));
    await rename(read, sourceOf(file), { name: backing, format }, out);
    progress.finish();
  } finally {
    progress.end();
  }
  return 0;
}

/** Gives the image other names. Throws a `Failure`. */
async function rename(
  read: Arguments,
  source: ImageSource,
  { name: backing, format }: { readonly name: string | undefined; readonly format: string | undefined },
  out: Output,
): Promise<void> {
  // As in QEMU, once the image is open.
  const requireFormat = (): void => {
    if (format !== undefined && formatRefusal(format)?.startsWith('Unknown') === true) {
      throw new Failure(`Invalid format name: '${bytesOfText(format)}'`);
    }
    if (backing !== undefined && backing !== '' && format === undefined) {
      throw new Failure(`Could not change the backing file to '${told}': backing format must be specified`);
    }
  };
  const names =
    backing === undefined || backing === ''
      ? undefined
      : { name: Buffer.from(backing), ...(format === undefined ? {} : { format: Buffer.from(format) }) };
  // Where no name is given, QEMU prints what its C library prints of none.
  const told = bytesOfText(backing ?? '(null)');
  const rawFailure = (): Failure => {
    requireFormat();
    return new Failure(`Could not change the backing file to '${told}': Operation not supported`);
  };
  try {
    await changeImage(
      source,
      changeArguments(read),
      out,
      async ({ image, storage, from }) => {
        requireFormat();
        return planRebase(image, storage, from, names);
      },
      { rawFailure },
    );
  } catch (error) {
    throw failureOf(error, told);
  }
}

/** QEMU's words where it has some, and ours after them. `told`: the name, as bytes. */
function failureOf(error: unknown, told: string): unknown {
  if (!(error instanceof Qcow2Error)) {
    return error;
  }
  const words = error.code === 'too-large' ? 'No space left in the file header' : error.qemu;
  return words === undefined
    ? error
    : new Failure(`Could not change the backing file to '${told}': ${bytesOfText(words)}`, {
        hint: bytesOfText(`${error.message}\n`),
      });
}
