import { explain } from '../engine/findingTexts.ts';
import { type StatusFailure, walkBlockStatus } from '../engine/image/blockStatus.ts';
import { entryFault } from '../engine/image/entryFault.ts';
import { parseSize } from '../engine/size.ts';
import { bytesOfText } from './bytes.ts';
import { warnOfHexUnit } from './hexUnit.ts';
import { openImageByOptions, openImageFile } from './imageFile.ts';
import { type MapChain, openMapChain } from './mapChain.ts';
import { MapEntries } from './mapEntries.ts';
import type { EntryWriter } from './mapEntry.ts';
import { MapJson } from './mapJson.ts';
import { MapTable } from './mapTable.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'output', value: true },
  { long: 'start-offset', short: 's', value: true },
  { long: 'max-length', short: 'l', value: true },
  { long: 'no-backing' },
  { long: 'force-share', short: 'U' },
  { long: 'object', value: true, unsupported: true },
  { long: 'image-opts' },
];

const maxInt64 = 2n ** 63n - 1n;

/** What a command line asks for. */
interface Request {
  /** With `byOptions` the image's options: `--image-opts`. */
  readonly path: string;
  readonly byOptions: boolean;
  readonly format: string | undefined;
  readonly output: 'human' | 'json';
  readonly start: bigint;
  readonly maxLength: bigint | undefined;
  readonly follow: boolean;
}

/** `qcow2 map`: qemu-img's verb. Opens the backing chain and external data files, read-only. */
export async function map(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  if (given.some(({ name }) => name === 'help')) {
    out.text(usageLine('map'));
    return 0;
  }
  const request = readRequest(given, operands);
  const open = request.byOptions ? openImageByOptions : openImageFile;
  const file = await open(request.path, request.format, 'io');
  try {
    const chain = await openMapChain(file, request.follow);
    try {
      await printMap(chain, request, out);
    } finally {
      await chain.close();
    }
  } finally {
    await file.storage.close();
  }
  return 0;
}

function readRequest(given: readonly { name: string; value: string }[], operands: readonly string[]): Request {
  let start = 0n;
  let maxLength: bigint | undefined;
  // In order: the first wrong one is told.
  for (const { name, value } of given) {
    if (name === 'start-offset') {
      start = readSize('start offset', value);
    } else if (name === 'max-length') {
      maxLength = readSize('max length', value);
    }
  }
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  const output = value('output') ?? 'human';
  const [path] = operands;
  if (path === undefined || operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  return {
    path,
    byOptions: value('image-opts') !== undefined,
    format: value('format'),
    output,
    start,
    maxLength,
    follow: value('no-backing') === undefined,
  };
}

/** A size as qemu-img takes it (cvtnum_full). */
function readSize(what: string, text: string): bigint {
  const size = parseSize(text);
  if (size === 'invalid') {
    throw new Failure(`Invalid ${what} specified. You may use k, M, G, T, P or E suffixes for`, {
      hint: `${programName}: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.\n`,
    });
  }
  if (size !== 'out-of-range') {
    warnOfHexUnit(text, size);
  }
  if (size === 'out-of-range' || size.value > maxInt64) {
    throw new Failure(`Invalid ${what} specified. Must be between 0 and ${maxInt64}.`);
  }
  return size.value;
}

async function printMap({ layers }: MapChain, request: Request, out: Output): Promise<void> {
  const paths = layers.map(({ dataPath }) => dataPath);
  const writer: EntryWriter = request.output === 'json' ? new MapJson(out) : new MapTable(out, paths);
  const size = BigInt(layers[0]?.size ?? 0);
  const { start, maxLength } = request;
  const end = maxLength === undefined || start + maxLength > size ? size : start + maxLength;
  const entries = new MapEntries(writer, { start, end });
  writer.begin();
  let reached = 0;
  const add = (at: number, length: number, flags: number, depth: number, host: number): boolean => {
    reached = depth > reached ? depth : reached;
    entries.add(at, length, flags, depth, host);
    return true;
  };
  let failure: StatusFailure | undefined;
  try {
    failure = await walkBlockStatus(layers, entries.from, entries.to, add);
    if (!failure) {
      entries.end();
    }
  } finally {
    await complain(layers, Math.max(reached, failure?.depth ?? 0), failure);
  }
  if (failure) {
    writer.flush();
    throw new Failure('Could not read file metadata: Input/output error');
  }
}

/** What QEMU prints of the images that it comes to: only the first such thing of each. */
async function complain(layers: MapChain['layers'], reached: number, failure?: StatusFailure): Promise<void> {
  for (const [depth, { image, complaint }] of layers.slice(0, reached + 1).entries()) {
    const fault = failure?.depth === depth && image ? await entryFault(image, failure.at) : undefined;
    printComplaint(complaint ?? (fault && explain(fault).qemu));
  }
}

/** A message of QEMU's driver itself (qcow2_signal_corruption), which it prints under its own name. */
function printComplaint(message: string | undefined): void {
  if (message !== undefined) {
    const end = 'further non-fatal corruption events will be suppressed';
    outputTo(2).text(`qcow2: Image is corrupt: ${bytesOfText(message)}; ${end}\n`);
  }
}
