import { Qcow2Error, systemText } from '../engine/error.ts';
import { openImage } from '../engine/image/open.ts';
import { limits } from '../engine/limits.ts';
import type { Preallocation } from '../engine/operations/newImage.ts';
import { trackedSize } from '../engine/operations/plannedBitmap.ts';
import { planRawResize } from '../engine/operations/rawResize.ts';
import { planResize } from '../engine/operations/resize.ts';
import { noProgress } from '../engine/ports.ts';
import { backingPorts } from './backingPorts.ts';
import { bytesOfText } from './bytes.ts';
import { changeFile } from './change.ts';
import { type ChangeArguments, changeArguments, changeOptions } from './changeOptions.ts';
import type { ImageFile } from './imageFile.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { type MapChain, openMapChain } from './mapChain.ts';
import { type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { warnOfProbing } from './probing.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { readResizeSize, type SizeChange, sizeAfter } from './resizeSize.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'quiet', short: 'q' },
  { long: 'preallocation', value: true },
  { long: 'shrink' },
  ...sourceOptions,
  ...changeOptions,
];

const preallocations: readonly string[] = ['off', 'metadata', 'falloc', 'full'] satisfies Preallocation[];

/** What a command line asks for. */
interface Request {
  readonly source: ImageSource;
  readonly size: SizeChange;
  readonly shrink: boolean;
  readonly preallocation: Preallocation;
  readonly change: ChangeArguments;
}

/** `qcow2 resize`: qemu-img's verb, for qcow2 and raw images. */
export async function resize(args: readonly string[], out: Output): Promise<number> {
  // The size comes last, and may look like an option: `-5G`.
  const [size, ...others] = args.toReversed();
  if (size === '--help' || size === '-h') {
    // qemu-img finds too few arguments here; who asks for help is given it.
    out.text(usageLine('resize'));
    return 0;
  }
  if (size === undefined || others.length === 0) {
    throw usageFailure('Not enough arguments');
  }
  const read = readArguments(options, others.toReversed());
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('resize'));
    return 0;
  }
  const preallocation = value('preallocation') ?? 'off';
  if (!preallocations.includes(preallocation)) {
    throw new Failure(`Invalid preallocation mode '${bytesOfText(preallocation)}'`);
  }
  const [name] = read.operands;
  if (name === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting image file name and size');
  }
  const request = {
    size: readResizeSize(size),
    shrink: value('shrink') !== undefined,
    preallocation: preallocation as Preallocation,
    change: changeArguments(read),
  };
  return withSources(read, out, async (sourceOf) => {
    await run({ source: sourceOf(name), ...request }, out);
    if (value('quiet') === undefined && value('dry-run') === undefined) {
      out.text('Image resized.\n');
    }
    return 0;
  });
}

async function run(request: Request, out: Output): Promise<void> {
  const file = await request.source.open('change');
  try {
    if (file.format === 'raw' && file.probed) {
      warnOfProbing(file.path);
    }
    const chain = await openMapChain(file, true);
    try {
      await (file.format === 'raw' ? resizeRaw(file, request, out) : resizeQcow2(file, chain, request, out));
    } finally {
      await chain.close();
    }
  } catch (error) {
    throw error instanceof Qcow2Error && error.qemu !== undefined ? new Failure(bytesOfText(error.qemu)) : error;
  } finally {
    await file.storage.close();
  }
}

async function resizeRaw({ path, storage }: ImageFile, request: Request, out: Output): Promise<void> {
  const { source, preallocation, change } = request;
  // QEMU counts whole sectors.
  const size = requireSize((storage.size + 511n) & ~511n, request);
  if (!storage.regular) {
    throw new Failure('Cannot resize device files');
  }
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Failure(`Could not resize file: ${systemText('EFBIG')}`);
  }
  try {
    await changeFile(source.name, path, change, out, (opened, from) =>
      planRawResize(opened, from, { size, preallocation }),
    );
  } catch (error) {
    if (error instanceof Qcow2Error && error.code === 'write-failed' && error.system === 'EFBIG') {
      throw new Failure(`Could not resize file: ${systemText(error.system)}`);
    }
    throw error;
  }
}

async function resizeQcow2(
  { path, image }: ImageFile,
  { layers }: MapChain,
  request: Request,
  out: Output,
): Promise<void> {
  const { source, shrink, preallocation, change } = request;
  const size = requireSize(image?.geometry ? trackedSize(image.geometry) : 0n, request);
  const ports = backingPorts(layers);
  await changeFile(
    source.name,
    path,
    change,
    out,
    async (storage, from) =>
      planResize(await openImage(storage), storage, from, { size, shrink, preallocation, ports }, noProgress),
    { dataName: image?.dataFile?.name },
  );
}

/** The size that is wanted, checked in QEMU's order (img_resize). */
function requireSize(before: bigint, { size, shrink, preallocation }: Request): bigint {
  const after = sizeAfter(before, size);
  if (after <= 0n) {
    throw new Failure('New image size must be positive');
  }
  if (after <= before && preallocation !== 'off') {
    throw new Failure('Preallocation can only be used for growing images');
  }
  if (after < before && !shrink) {
    throw new Failure('Use the --shrink option to perform a shrink operation.', {
      hint: `${programName}: warning: Shrinking an image will delete all data beyond the shrunken image's end. Before performing such an operation, make sure there is no important data there.\n`,
    });
  }
  if (after > limits.fileEnd) {
    throw new Failure(`offset(${after}) exceeds maximum(${limits.fileEnd})`);
  }
  return after;
}
