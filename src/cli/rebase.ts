import { Qcow2Error } from '../engine/error.ts';
import { planRebase } from '../engine/operations/rebase.ts';
import { bytesOfText } from './bytes.ts';
import { changeImage } from './change.ts';
import { changeArguments, changeOptions } from './changeOptions.ts';
import { formatRefusal } from './formats.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';

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
    out.text(`usage: ${programName} rebase -u -b BACKING [-F FMT] [-f FMT] FILE\n`);
    return 0;
  }
  const [file] = read.operands;
  if (file === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  const backing = value('backing');
  const format = value('backing-format');
  if (value('unsafe') === undefined) {
    throw new Failure("rebase without '-u' is not there yet: only the names in the header are changed");
  }
  if (format !== undefined && formatRefusal(format)?.startsWith('Unknown') === true) {
    throw new Failure(`Invalid format name: '${bytesOfText(format)}'`);
  }
  if (backing !== undefined && backing !== '' && format === undefined) {
    throw new Failure(
      `Could not change the backing file to '${bytesOfText(backing)}': backing format must be specified`,
    );
  }
  const names =
    backing === undefined || backing === ''
      ? undefined
      : { name: Buffer.from(backing), ...(format === undefined ? {} : { format: Buffer.from(format) }) };
  try {
    await changeImage(sourceOf(file), changeArguments(read), out, ({ image, storage, from }) =>
      planRebase(image, storage, from, names),
    );
  } catch (error) {
    throw failureOf(error, backing ?? '');
  }
  return 0;
}

/** QEMU's words where it has some, and ours after them. */
function failureOf(error: unknown, backing: string): unknown {
  if (!(error instanceof Qcow2Error)) {
    return error;
  }
  const words = error.code === 'too-large' ? 'No space left in the file header' : error.qemu;
  return words === undefined
    ? error
    : new Failure(bytesOfText(`Could not change the backing file to '${backing}': ${words}`), {
        hint: bytesOfText(`${error.message}\n`),
      });
}
