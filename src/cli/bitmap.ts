import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import { type BitmapAction, planBitmap } from '../engine/operations/bitmap.ts';
import { noProgress } from '../engine/ports.ts';
import { parseSize } from '../engine/size.ts';
import { locksOn } from '../platform/locks.ts';
import { bytesOfText } from './bytes.ts';
import { changeImage } from './change.ts';
import { changeArguments, changeOptions } from './changeOptions.ts';
import { warnOfHexUnit } from './hexUnit.ts';
import { couldNotOpen, type ImageFile, openImageFile } from './imageFile.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, programName } from './program.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'add' },
  { long: 'remove' },
  { long: 'clear' },
  { long: 'enable' },
  { long: 'disable' },
  { long: 'merge', value: true },
  { long: 'source-file', short: 'b', value: true },
  { long: 'source-format', short: 'F', value: true },
  { long: 'granularity', short: 'g', value: true },
  { long: 'format', short: 'f', value: true },
  ...sourceOptions,
  ...changeOptions,
];

const maxInt64 = 2n ** 63n - 1n;

/** What a command line asks for. */
interface Request {
  readonly file: string;
  readonly bitmap: string;
  /** In order; `add` and `merge` get the rest of what they need when the files are open. */
  readonly actions: readonly { readonly name: string; readonly value: string }[];
  readonly granularity: bigint | undefined;
  readonly source: string | undefined;
  readonly sourceFormat: string | undefined;
}

/** `qcow2 bitmap`: qemu-img's verb. All actions are done or, if one can't be, none. */
export async function bitmap(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  return withSources(read, out, (sourceOf) => changeBitmap(read, sourceOf, out));
}

async function changeBitmap(read: Arguments, sourceOf: (operand: string) => ImageSource, out: Output): Promise<number> {
  if (read.given.some(({ name }) => name === 'help')) {
    out.text(usageLine('bitmap'));
    return 0;
  }
  const request = readRequest(read);
  let source: ImageFile | undefined;
  try {
    await changeImage(
      sourceOf(request.file),
      changeArguments(read),
      out,
      async ({ image, storage, from }) => {
        source = request.source === undefined ? undefined : await openSource(request, from.identity);
        const name = Buffer.from(request.bitmap);
        const actions = actionsOf(request, source && (source.image ?? 'none'));
        return planBitmap(image, storage, from, { name, actions }, noProgress);
      },
      { rawFailure: () => rawFailure(request) },
    );
  } catch (error) {
    throw error instanceof Qcow2Error && error.qemu !== undefined ? new Failure(bytesOfText(error.qemu)) : error;
  } finally {
    await source?.storage.close();
  }
  return 0;
}

/** The checks of img_bitmap, in its order. */
function readRequest({ given, operands }: Arguments): Request {
  let granularity: bigint | undefined;
  for (const { name, value } of given) {
    granularity = name === 'granularity' ? readGranularity(value) : granularity;
  }
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  const actions = given.filter(({ name }) => ['add', 'remove', 'clear', 'enable', 'disable', 'merge'].includes(name));
  const [source, sourceFormat] = [value('source-file'), value('source-format')];
  const has = (name: string): boolean => actions.some((action) => action.name === name);
  const [file, bitmap] = operands;
  if (actions.length === 0) {
    throw new Failure('Need at least one of --add, --remove, --clear, --enable, --disable, or --merge');
  }
  if ((granularity ?? 0n) !== 0n && !has('add')) {
    throw new Failure('granularity only supported with --add');
  }
  if (sourceFormat !== undefined && source === undefined) {
    throw new Failure('-F only supported with -b');
  }
  if (source !== undefined && !has('merge')) {
    throw new Failure('Merge bitmap source file only supported with --merge');
  }
  if (file === undefined || bitmap === undefined || operands.length !== 2) {
    throw new Failure('Expecting filename and bitmap name');
  }
  return { file, bitmap, actions, granularity, source, sourceFormat };
}

/** QEMU's cvtnum. */
function readGranularity(text: string): bigint {
  const size = parseSize(text);
  if (typeof size === 'object') {
    warnOfHexUnit(text, size);
  }
  if (size === 'out-of-range' || (typeof size === 'object' && size.value > maxInt64)) {
    throw new Failure(`Invalid granularity specified. Must be between 0 and ${maxInt64}.`);
  }
  if (size === 'invalid') {
    throw new Failure(
      `Invalid granularity specified. You may use k, M, G, T, P or E suffixes for\n${programName}: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.`,
    );
  }
  return size.value;
}

function actionsOf({ actions, granularity = 0n }: Request, from: Image | 'none' | undefined): BitmapAction[] {
  return actions.map(({ name, value }): BitmapAction => {
    switch (name) {
      case 'add':
        return granularity === 0n ? { verb: 'add' } : { verb: 'add', granularity };
      case 'merge':
        return { verb: 'merge', name: Buffer.from(value), ...(from && { from }) };
      case 'remove':
      case 'clear':
      case 'enable':
        return { verb: name };
      default:
        return { verb: 'disable' };
    }
  });
}

/** Opens the image that is merged from; refused as QEMU does where somebody writes to it, as we do to our own. */
async function openSource({ source = '', sourceFormat }: Request, own: string): Promise<ImageFile> {
  const file = await openImageFile(source, sourceFormat, 'info');
  const locks = await locksOn(file.path)();
  const writers = locks.state === 'held' ? locks.holders.filter(({ use }) => use === 'writes') : [];
  if (file.storage.identity === own || writers.length > 0) {
    await file.storage.close();
    throw couldNotOpen(
      source,
      `Failed to get shared "write" lock\nIs another process using the image [${bytesOfText(file.path)}]?`,
    );
  }
  return file;
}

/** What QEMU says of a raw image, which has no bitmaps. */
function rawFailure({ actions: [first], bitmap, granularity }: Request): Failure {
  const verb = first?.name ?? '';
  const why = verb === 'add' ? rawAddFailure(bitmap, granularity ?? 0n) : `Dirty bitmap '${bitmap}' not found`;
  return new Failure(bytesOfText(`Operation ${verb} on bitmap ${bitmap} failed: ${why}`));
}

/** The checks of qmp_block_dirty_bitmap_add, in its order. */
function rawAddFailure(bitmap: string, granularity: bigint): string {
  if (bitmap === '') {
    return 'Bitmap name cannot be empty';
  }
  if (granularity !== 0n && (granularity < 512n || (granularity & (granularity - 1n)) !== 0n)) {
    return 'Granularity must be power of 2 and at least 512';
  }
  return "Can't store persistent bitmaps to #block000: Operation not supported";
}
