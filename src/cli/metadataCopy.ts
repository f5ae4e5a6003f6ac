import { statSync } from 'node:fs';
import { openChain } from '../engine/image/chain.ts';
import { openImage } from '../engine/image/open.ts';
import { copyMetadata, type MetadataCopy, type MetadataCopyOptions } from '../engine/operations/metadataCopy.ts';
import { metadataCopyLines } from '../engine/operations/metadataCopyText.ts';
import { closedGate } from '../engine/ports.ts';
import { openFile } from '../platform/fileStorage.ts';
import { keptFiles } from '../platform/keptFiles.ts';
import { saveFile } from '../platform/savedFile.ts';
import { bytesOfText } from './bytes.ts';
import { imagePath, warnOfInterrupted } from './imageFile.ts';
import { untilInterrupted } from './interrupted.ts';
import { type JsonObject, prettyJson } from './json.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { ProgressLine } from './progressLine.ts';
import { usageLine } from './usages.ts';
import { watchForWriters } from './writers.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'anonymous' },
  { long: 'no-bitmap-data' },
  { long: 'force' },
  { long: 'progress', short: 'p' },
  { long: 'output', value: true },
];

const help =
  usageLine('metadata-copy') +
  'Copies all metadata of a qcow2 image, however broken, and no guest data to the sparse file OUT of the same length: for\n' +
  'a bug report. The image is only read. What the copy has and has not got is printed.\n' +
  '  --anonymous       put names that tell nothing, of the same length, in place of those of the backing file, the data\n' +
  '                    file, the snapshots and the bitmaps\n' +
  '  --no-bitmap-data  leave out the bits of the bitmaps, which tell where the guest has written\n' +
  '  --force           replace OUT if it is there\n' +
  '  -p                show progress\n';

/** `qcow2 metadata-copy`: an image without the guest's data. Opens nothing but the image, read-only. */
export async function metadataCopy(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(bytesOfText(help));
    return 0;
  }
  const [name, target] = operands;
  if (name === undefined || target === undefined || operands.length !== 2) {
    throw usageFailure('Expecting the name of an image and that of the file to copy its metadata to');
  }
  const output = value('output') ?? 'human';
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const choice = { bitmapData: value('no-bitmap-data') === undefined, anonymous: value('anonymous') !== undefined };
  const path = imagePath(name);
  const storage = await openFile(path);
  try {
    await warnOfInterrupted(path);
    refuseExisting(target, storage.identity, value('force') !== undefined);
    const tellWriters = await watchForWriters([{ path, storage }]);
    const image = await openImage(storage);
    // What it names is not opened, but not overwritten either.
    const kept = keptFiles(await openChain(image, path, closedGate, { identity: storage.identity }), []);
    const line = new ProgressLine(output === 'json' ? outputTo(2) : out, value('progress') !== undefined);
    const copy = await untilInterrupted(line, async (progress) => {
      let made: MetadataCopy | undefined;
      await saveFile(target, storage.size, kept, async (file) => {
        const to = { write: async (at: bigint, bytes: Uint8Array) => file.write(at, bytes) };
        made = await copyMetadata(image, to, choice, progress);
      });
      return made;
    });
    if (copy) {
      out.text(output === 'json' ? `${prettyJson(json(path, target, copy, choice))}\n` : lines(target, copy, choice));
    }
    await tellWriters();
    return 0;
  } finally {
    await storage.close();
  }
}

/** The image itself and what it names, by whatever name, are refused when the file is saved. */
function refuseExisting(target: string, image: string, force: boolean): void {
  const there = statSync(target, { bigint: true, throwIfNoEntry: false });
  if (!there || `${there.dev}:${there.ino}` === image) {
    return;
  }
  if (!there.isFile()) {
    throw new Failure(bytesOfText(`${target} is no regular file. Choose another name.`));
  }
  if (!force) {
    throw new Failure(
      bytesOfText(`${target} is there already. Choose another name, delete it, or replace it with --force.`),
    );
  }
}

function json(path: string, target: string, copy: MetadataCopy, choice: MetadataCopyOptions): JsonObject {
  const { size, metadata, written, leftOut, both, blanked, unreadable, vmStates, names } = copy;
  return {
    filename: bytesOfText(path),
    output: bytesOfText(target),
    size,
    metadata,
    written,
    'left-out': {
      data: leftOut.data,
      compressed: leftOut.compressed,
      'bitmap-data': leftOut.bitmapData,
      'key-material': leftOut.keyMaterial,
      unreferenced: leftOut.unreferenced,
    },
    'clusters-metadata-and-data': both,
    'metadata-in-key-material': blanked,
    unreadable,
    'vm-states': vmStates,
    anonymous: choice.anonymous,
    names: {
      'backing-file': names['backing-file'],
      'data-file': names['data-file'],
      snapshots: names.snapshot,
      bitmaps: names.bitmap,
    },
  };
}

function lines(target: string, copy: MetadataCopy, choice: MetadataCopyOptions): string {
  const names = choice.anonymous ? 'replaced by others of the same length' : 'kept (--anonymous replaces them)';
  return metadataCopyLines(target, copy, { bitmapData: choice.bitmapData, names })
    .map((line) => bytesOfText(`${line}\n`))
    .join('');
}
