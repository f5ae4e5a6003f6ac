import type { ChangeSet } from '../engine/change/changeSet.ts';
import { type CheckResult, check as checkImage } from '../engine/check/check.ts';
import { Qcow2Error, systemText } from '../engine/error.ts';
import { type Leak, planLeakRepair } from '../engine/operations/repairLeaks.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { type ChangeArguments, changeArguments, changeImage, changeOptions, type Target } from './change.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { prettyJson } from './json.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { inQdictOrder } from './qdict.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'repair', short: 'r', value: true },
  { long: 'output', value: true },
  { long: 'cache', short: 'T', value: true, unsupported: true },
  { long: 'quiet', short: 'q' },
  { long: 'force-share', short: 'U' },
  ...sourceOptions,
  ...changeOptions,
];

/** Exit codes of qemu-img check. */
const exitCodes = { sound: 0, failed: 1, corrupt: 2, leaks: 3, notSupported: 63 } as const;

/** What is asked for. */
interface Request {
  readonly source: ImageSource;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly repair: boolean;
  readonly change: ChangeArguments;
}

/** `qcow2 check`: qemu-img's verb. Opens the image read-only, unless a repair is asked for. */
export async function check(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(
      `usage: ${programName} check [-q] [-f FMT] [--output=human|json] [-r leaks|all] [--dry-run[=json]] [--keep-undo] [--journal FILE] [-U] [--object OBJECT] [--image-opts] FILE\n`,
    );
    return exitCodes.sound;
  }
  const repair = value('repair');
  if (repair !== undefined && repair !== 'leaks' && repair !== 'all') {
    throw usageFailure(`Unknown option value for -r (expecting 'leaks' or 'all'): ${bytesOfText(repair)}`);
  }
  const output = value('output') ?? 'human';
  const [name] = read.operands;
  if (name === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const manner = { json: output === 'json', quiet: value('quiet') !== undefined, repair: repair !== undefined };
  return withSources(read, out, (sourceOf) =>
    checkOrRepair({ source: sourceOf(name), ...manner, change: changeArguments(read) }, out),
  );
}

async function checkOrRepair(request: Request, out: Output): Promise<number> {
  if (!request.repair) {
    const { code } = await checkFile(request, out, 0);
    return code;
  }
  const repaired = await repairLeaks(request, out);
  if (request.change.dryRun !== 'no') {
    return exitCodes.sound;
  }
  return (await checkFile(request, out, repaired)).code;
}

/** Repairs leaks; returns how many. What is not repaired is said, with the reason. */
async function repairLeaks({ source, change, json, quiet }: Request, out: Output): Promise<number> {
  let leaks: readonly Leak[] = [];
  let refused: string | undefined;
  const plan = async ({ image, storage, from }: Target): Promise<ChangeSet | undefined> => {
    try {
      const repair = await planLeakRepair(image, storage, from, noProgress);
      leaks = repair.leaks;
      return repair.change;
    } catch (error) {
      if (!(error instanceof Qcow2Error) || error.code !== 'refused') throw error;
      refused = error.message;
      return undefined;
    }
  };
  await changeImage(source, change, out, plan, { purpose: 'check', rawFailure: noCheck });
  if (refused !== undefined) {
    outputTo(2).text(`${programName}: nothing is repaired: ${bytesOfText(refused)}\n`);
  }
  if (change.dryRun !== 'no') {
    return 0;
  }
  const messages = new Messages();
  for (const verb of ['Leaked', 'Repairing']) {
    for (const { cluster, refcount, references } of leaks) {
      messages.say(`${verb} cluster ${cluster} refcount=${refcount} reference=${references}`);
    }
  }
  messages.flush();
  if (leaks.length > 0 && !json && !quiet) {
    out.text(
      `The following inconsistencies were found and repaired:\n\n    ${leaks.length} leaked clusters\n    0 corruptions\n\nDouble checking the fixed image now...\n`,
    );
  }
  return leaks.length;
}

function noCheck(): Failure {
  return new Failure('This image format does not support checks', { exitCode: exitCodes.notSupported });
}

/** Checks and tells. `leaksFixed`: clusters that were repaired before. */
async function checkFile(request: Request, out: Output, leaksFixed: number): Promise<{ readonly code: number }> {
  const { source, json, quiet } = request;
  const { image, storage } = await source.open('check');
  const messages = new Messages();
  try {
    if (image === undefined) {
      throw noCheck();
    }
    const visitor = { say: messages.say, mismatch: () => undefined };
    const result = await checkImage(image, visitor, noProgress).finally(() => messages.flush());
    if (result.failure !== undefined) {
      throw new Failure(`Check failed: ${systemText(result.failure)}`);
    }
    if (!quiet) {
      out.text(json ? `${prettyJson(inQdictOrder(asObject(result, source.name, leaksFixed)))}\n` : asText(result));
    }
    return { code: exitCodeOf(result) };
  } finally {
    await storage.close();
  }
}

function exitCodeOf({ checkErrors, corruptions, leaks }: CheckResult): number {
  if (checkErrors > 0) {
    throw new Failure('Check failed');
  }
  return corruptions > 0 ? exitCodes.corrupt : leaks > 0 ? exitCodes.leaks : exitCodes.sound;
}

/** Bytes of messages that go out together. */
const gathered = 65536;

/** The messages of a check, for stderr: there may be millions of them. */
class Messages {
  #text = '';

  readonly say = (message: string, named = false): void => {
    this.#text += `${named ? `${programName}: ` : ''}${message}\n`;
    if (this.#text.length >= gathered) {
      this.flush();
    }
  };

  flush(): void {
    outputTo(2).text(this.#text);
    this.#text = '';
  }
}

/** QEMU's ImageCheck, its members in the order of its definition; those that are 0 are left out. */
function asObject(
  result: CheckResult,
  name: string,
  leaksFixed: number,
): Record<string, string | number | bigint | undefined> {
  const { checkErrors, imageEndOffset, corruptions, leaks, totalClusters, use } = result;
  return {
    filename: bytesOfText(name),
    format: 'qcow2',
    'check-errors': checkErrors,
    'image-end-offset': imageEndOffset,
    corruptions: corruptions || undefined,
    leaks: leaks || undefined,
    'leaks-fixed': leaksFixed || undefined,
    'total-clusters': totalClusters || undefined,
    'allocated-clusters': use.allocated || undefined,
    'fragmented-clusters': use.fragmented || undefined,
    'compressed-clusters': use.compressed || undefined,
  };
}

/** As dump_human_image_check of qemu-img. */
function asText({ checkErrors, imageEndOffset, corruptions, leaks, totalClusters, use }: CheckResult): string {
  const lines: string[] = [];
  if (corruptions + leaks + checkErrors === 0) {
    lines.push('No errors were found on the image.');
  }
  if (corruptions > 0) {
    lines.push(
      `\n${corruptions} errors were found on the image.`,
      'Data may be corrupted, or further writes to the image may corrupt it.',
    );
  }
  if (leaks > 0) {
    lines.push(
      `\n${leaks} leaked clusters were found on the image.`,
      'This means waste of disk space, but no harm to data.',
    );
  }
  if (checkErrors > 0) {
    lines.push(`\n${checkErrors} internal errors have occurred during the check.`);
  }
  if (totalClusters > 0n && use.allocated > 0) {
    const share = (part: number, whole: number): string => `${twoDigits((part * 100) / whole)}%`;
    lines.push(
      `${use.allocated}/${totalClusters} = ${share(use.allocated, Number(totalClusters))} allocated, ` +
        `${share(use.fragmented, use.allocated)} fragmented, ${share(use.compressed, use.allocated)} compressed clusters`,
    );
  }
  if (imageEndOffset !== undefined) {
    lines.push(`Image end offset: ${imageEndOffset}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A number with two digits after the point as C prints it: what lies in the middle goes to the even digit. */
function twoDigits(value: number): string {
  const hundredths = value * 100;
  // Only eighths can lie in the middle, and of those the product is exact.
  const isMiddle = Number.isInteger(value * 8) && hundredths % 1 === 0.5;
  const down = Math.floor(hundredths);
  return isMiddle ? ((down + (down % 2)) / 100).toFixed(2) : value.toFixed(2);
}
