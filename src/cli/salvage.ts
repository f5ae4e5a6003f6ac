import { Qcow2Error } from '../engine/error.ts';
import { showSize } from '../engine/format/show.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { readSnapshots } from '../engine/image/snapshotTable.ts';
import { findSnapshot } from '../engine/operations/snapshotEntries.ts';
import type { SalvageSummary } from '../engine/salvage/salvage.ts';
import { type SalvageChoice, salvageSource } from '../engine/salvage/source.ts';
import { parseSize } from '../engine/size.ts';
import { codecs } from '../platform/codecs.ts';
import { besideRaw } from '../platform/salvageFiles.ts';
import { salvageMark } from '../platform/salvageMark.ts';
import { listHead, saveDisk } from '../platform/saveDisk.ts';
import { bytesOfText } from './bytes.ts';
import { pathOf } from './formats.ts';
import { couldNotOpen, openAnyFile, warnOfInterrupted } from './imageFile.ts';
import { untilInterrupted } from './interrupted.ts';
import { prettyJson } from './json.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { ProgressLine } from './progressLine.ts';
import { openSalvageChain } from './salvageChain.ts';
import { usageLine } from './usages.ts';
import { watchForWriters } from './writers.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'snapshot', short: 'l', value: true },
  { long: 'l1', value: true },
  { long: 'no-backing' },
  { long: 'force' },
  { long: 'progress', short: 'p' },
  { long: 'output', value: true },
];

/** What a command line asks for. */
interface Request {
  readonly image: string;
  readonly target: string;
  readonly snapshot: string | undefined;
  readonly l1: { readonly offset: bigint; readonly entries: number } | undefined;
  readonly follow: boolean;
  readonly force: boolean;
  readonly shown: boolean;
  readonly output: 'human' | 'json';
}

/** Some of the disk is missing in the output. */
const somethingMissing = 2;

const help =
  usageLine('salvage') +
  'Saves the guest disk of a qcow2 image, however broken, to the sparse raw file OUT. What can’t be had is left out (it\n' +
  'reads as zeros there), and listed in OUT.missing.json and in OUT.map, a mapfile of GNU ddrescue. The image is only\n' +
  'read. The same command again goes on where an interrupted one ended, and tries again what was missing.\n' +
  '  -l SNAPSHOT           the disk as the snapshot with that ID or name has it\n' +
  '  --l1 OFFSET:ENTRIES   the disk as an L1 table anywhere in the file has it\n' +
  '  --no-backing          open neither backing files nor external data files\n' +
  '  --force               replace OUT if it is there\n' +
  '  -p                    show progress\n' +
  'Exit status: 0 all of the disk is in OUT, 1 it failed or was interrupted, 2 something is missing, or\n' +
  'a file was written to while it was read.\n';

/** `qcow2 salvage`: the guest's disk out of an image, however broken. Opens the backing chain and data files, read-only. */
export async function salvage(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  if (given.some(({ name }) => name === 'help')) {
    out.text(Buffer.from(help).toString('latin1'));
    return 0;
  }
  const request = readRequest(given, operands);
  const place = pathOf(request.image);
  if ('refusal' in place) {
    throw couldNotOpen(request.image, bytesOfText(place.refusal));
  }
  const storage = await openAnyFile(request.image, place.path, 'info');
  try {
    await warnOfInterrupted(place.path);
    const image = await openImage(storage);
    const choice = await chosen(image, request);
    const chain = await openSalvageChain(image, place.path, request.follow);
    try {
      const layer = await salvageSource({ choice, codecs, ...chain });
      const line = new ProgressLine(request.output === 'json' ? outputTo(2) : out, request.shown);
      const target = {
        path: request.target,
        size: layer.size,
        mark: await salvageMark({ choice, ...chain }),
        kept: chain.kept,
        existing: request.force ? 'anew' : 'refuse',
        head: listHead(request.image, request.target, choice, layer.size),
      } as const;
      const tellWriters = await watchForWriters(chain.files);
      const summary = await untilInterrupted(line, (progress) => saveDisk(layer, target, progress));
      print(request, summary, out);
      // What was cut off while it was read has read as zeros.
      const changed = await tellWriters();
      return changed || summary.missing > 0 ? somethingMissing : 0;
    } catch (error) {
      throw told(error, request.target);
    } finally {
      await chain.close();
    }
  } finally {
    await storage.close();
  }
}

/** What a run that ended too early has left is said with the reason. */
function told(error: unknown, target: string): unknown {
  if (!(error instanceof Qcow2Error)) {
    return error;
  }
  const goesOn = `What was saved is in ${target}; the same command goes on from there.`;
  if (error.code === 'cancelled') {
    return new Failure(bytesOfText(`interrupted. ${goesOn}`));
  }
  const full = error.code === 'write-failed' && (error.system === 'ENOSPC' || error.system === 'EDQUOT');
  return full ? new Failure(bytesOfText(`${error.message} ${goesOn}`)) : error;
}

function readRequest(given: readonly { name: string; value: string }[], operands: readonly string[]): Request {
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  const [image, target] = operands;
  if (image === undefined || target === undefined || operands.length !== 2) {
    throw usageFailure('Expecting the name of an image and that of the file to save its disk to');
  }
  const output = value('output') ?? 'human';
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const l1 = value('l1');
  const snapshot = value('snapshot');
  if (l1 !== undefined && snapshot !== undefined) {
    throw usageFailure('-l and --l1 exclude each other: a snapshot has an L1 table of its own');
  }
  return {
    image,
    target,
    snapshot,
    l1: l1 === undefined ? undefined : readL1Place(l1),
    follow: value('no-backing') === undefined,
    force: value('force') !== undefined,
    shown: value('progress') !== undefined,
    output,
  };
}

/** `OFFSET:ENTRIES`. */
function readL1Place(text: string): { offset: bigint; entries: number } {
  const [place = '', count = '', ...more] = text.split(':');
  const offset = parseSize(place);
  if (typeof offset === 'string' || !/^[0-9]{1,8}$/.test(count) || more.length > 0) {
    throw usageFailure(
      `--l1 takes the host offset of an L1 table and its entries, such as 0x30000:4, not '${bytesOfText(text)}'`,
    );
  }
  return { offset: offset.value, entries: Number(count) };
}

async function chosen({ storage, header }: Image, { snapshot, l1 }: Request): Promise<SalvageChoice> {
  if (l1) {
    return { from: 'l1', ...l1 };
  }
  if (snapshot === undefined) {
    return { from: 'active' };
  }
  const entries = header ? await readSnapshots(storage, header) : [];
  const found = findSnapshot(entries, Buffer.from(snapshot), 'id-or-name');
  if (!found) {
    throw new Failure(`The snapshot table has no snapshot '${bytesOfText(snapshot)}' that can be read`);
  }
  return { from: 'snapshot', index: found.index };
}

function print({ image, target, output }: Request, summary: SalvageSummary, out: Output): void {
  const { size, earlier, data, zeros, missing, missingRanges, written } = summary;
  const beside = besideRaw(target);
  if (output === 'json') {
    const json = {
      filename: bytesOfText(image),
      output: bytesOfText(target),
      map: bytesOfText(beside.map),
      'missing-list': bytesOfText(beside.missing),
      'virtual-size': size,
      'saved-before': earlier,
      data,
      zeros,
      'missing-bytes': missing,
      'missing-ranges': missingRanges,
      written,
    };
    out.text(`${prettyJson(json)}\n`);
    return;
  }
  const amount = (bytes: number): string => `${showSize(bytes)}${bytes < 1024 ? '' : ` (${bytes} bytes)`}`;
  const lines = [
    `Disk: ${amount(size)}, saved to ${target}`,
    ...(earlier > 0 ? [`Saved before: ${amount(earlier)}`] : []),
    `Data: ${amount(data)}`,
    `Zeros: ${amount(zeros)}`,
    missing > 0
      ? `Missing: ${amount(missing)} in ${missingRanges} ${missingRanges === 1 ? 'range' : 'ranges'}, listed in ${beside.missing}`
      : 'Missing: nothing',
  ];
  out.text(lines.map((line) => `${bytesOfText(line)}\n`).join(''));
}
