import type { ChangeSet } from '../engine/change/changeSet.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { GuestPorts } from '../engine/image/guestData.ts';
import type { Image } from '../engine/image/image.ts';
import { planAmend } from '../engine/operations/amend.ts';
import { refcountOrderOf, versionOf } from '../engine/operations/newImage.ts';
import { noProgress } from '../engine/ports.ts';
import { amendHelp, amendOptions, readAmendOptions } from './amendOptions.ts';
import { backingPorts } from './backingPorts.ts';
import { bytesOfText } from './bytes.ts';
import { requireCacheMode } from './cacheModes.ts';
import { changeImage, type Target } from './change.ts';
import { changeArguments, changeOptions } from './changeOptions.ts';
import { formatRefusal } from './formats.ts';
import { openImageFile } from './imageFile.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { openMapChain } from './mapChain.ts';
import { asksForHelp } from './optionHelp.ts';
import { type GivenOptions, requireOptionList, shownNumber } from './optionList.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { ProgressLine } from './progressLine.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'options', short: 'o', value: true },
  { long: 'format', short: 'f', value: true },
  // How QEMU's own cache is used. Here every step of a change is flushed in any case.
  { long: 'cache', short: 't', value: true },
  { long: 'progress', short: 'p' },
  { long: 'quiet', short: 'q' },
  // Lets the last key of an encrypted image be erased, which is not there yet.
  { long: 'force' },
  ...sourceOptions,
  ...changeOptions,
];

/** `qcow2 amend`: qemu-img's verb, with its options, messages and exit codes. All options are one change. */
export async function amend(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  return withSources(read, out, (sourceOf) => amendImage(read, sourceOf, out));
}

async function amendImage(read: Arguments, sourceOf: (operand: string) => ImageSource, out: Output): Promise<number> {
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('amend'));
    return 0;
  }
  const lists = read.given.filter(({ name }) => name === 'options').map((option) => option.value);
  for (const list of lists) {
    requireOptionList(list);
  }
  if (lists.length === 0) {
    throw usageFailure('Must specify options (-o)');
  }
  const format = value('format');
  if (format !== undefined && asksForHelp(lists)) {
    out.text(amendHelp(format, formatRefusal(format)?.startsWith('Unknown') !== true));
    return 0;
  }
  const [file] = read.operands;
  if (file === undefined || read.operands.length !== 1) {
    throw new Failure('Expecting one image file name');
  }
  requireCacheMode('cache', value('cache'));
  if (asksForHelp(lists)) {
    const opened = await sourceOf(file).open('change');
    await opened.storage.close();
    out.text(amendHelp(opened.format, true));
    return 0;
  }
  const change = changeArguments(read);
  const progress = new ProgressLine(out, value('progress') !== undefined && value('quiet') === undefined);
  let isReported = false;
  try {
    await changeImage(
      sourceOf(file),
      change,
      out,
      async (target) => {
        const given = optionsOf(lists);
        progress.start();
        const plan = await planOf(target, given);
        if (change.dryRun === 'no') {
          warnOfLosses(plan);
          isReported = reportsProgress(given, target.image);
        }
        return plan;
      },
      { progress, rawFailure: () => new Failure("Format driver 'raw' does not support option amendment") },
    );
    if (isReported) {
      progress.finish();
    }
  } finally {
    progress.finish();
    progress.end();
  }
  return 0;
}

function optionsOf(lists: readonly string[]): GivenOptions {
  try {
    return readAmendOptions(lists);
  } catch (error) {
    throw failureOf(error);
  }
}

async function planOf({ image, storage, from, path }: Target, given: GivenOptions): Promise<ChangeSet> {
  try {
    const options = amendOptions(given, image);
    const plan = (ports?: GuestPorts): Promise<ChangeSet> =>
      planAmend(image, storage, from, { ...options, ...(ports && { ports }) }, noProgress);
    const change = await (options.size === undefined ? plan() : withBacking(path, plan));
    requireNoBacking(given);
    return change;
  } catch (error) {
    throw failureOf(error);
  }
}

/** Whether QEMU reports how far the change itself is: then 100 % is printed by that, and at the end once more. */
function reportsProgress(given: GivenOptions, { header, geometry }: Image): boolean {
  const { compat, refcount_bits: bits } = Object.fromEntries(given);
  return (
    (compat !== undefined && versionOf(compat) !== header?.version) ||
    (bits !== undefined && refcountOrderOf(shownNumber(bits)) !== geometry?.refcountOrder)
  );
}

/** A disk that grows over a backing file shows what that has there: it is opened for another size alone. */
async function withBacking(path: string, plan: (ports: GuestPorts) => Promise<ChangeSet>): Promise<ChangeSet> {
  // It was opened before, and what QEMU warns of was printed then.
  const file = await openImageFile(path, 'qcow2', 'diagnose');
  try {
    const chain = await openMapChain(file, true);
    try {
      return await plan(backingPorts(chain.layers));
    } finally {
      await chain.close();
    }
  } finally {
    await file.storage.close();
  }
}

/** Looked for last, as in QEMU. */
function requireNoBacking(given: GivenOptions): void {
  if (given.has('backing_file') || given.has('backing_fmt')) {
    throw new Failure('Cannot amend the backing file', { hint: `You can use '${programName} rebase' instead.\n` });
  }
}

/** What is lost is never lost in silence; qemu-img says nothing. */
function warnOfLosses({ cautions }: ChangeSet): void {
  for (const caution of cautions) {
    outputTo(2).text(`${programName}: warning: ${bytesOfText(caution)}\n`);
  }
}

/** QEMU's words for a failure where it has some; where several things stand in the way, ours tell of all after them. */
function failureOf(error: unknown): unknown {
  if (error instanceof Qcow2Error && error.qemu !== undefined) {
    const several = error.message.includes('\n');
    return new Failure(bytesOfText(error.qemu), several ? { hint: bytesOfText(`${error.message}\n`) } : {});
  }
  return error instanceof Error && error.constructor === Error ? new Failure(bytesOfText(error.message)) : error;
}
