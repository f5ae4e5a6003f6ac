import { type CheckResult, check as checkImage } from '../engine/check/check.ts';
import { systemText } from '../engine/error.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { type ImageFile, openImageByOptions, openImageFile } from './imageFile.ts';
import { prettyJson } from './json.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { inQdictOrder } from './qdict.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'repair', short: 'r', value: true, unsupported: true },
  { long: 'output', value: true },
  { long: 'cache', short: 'T', value: true, unsupported: true },
  { long: 'quiet', short: 'q' },
  { long: 'object', value: true, unsupported: true },
  { long: 'image-opts' },
  { long: 'force-share', short: 'U' },
];

/** Exit codes of qemu-img check. */
const exitCodes = { sound: 0, failed: 1, corrupt: 2, leaks: 3, notSupported: 63 } as const;

/** `qcow2 check`: qemu-img's verb. Opens the image read-only. */
export async function check(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(`usage: ${programName} check [-q] [-f FMT] [--output=human|json] [-U] [--image-opts] FILE\n`);
    return exitCodes.sound;
  }
  const output = value('output') ?? 'human';
  const [name] = operands;
  if (name === undefined || operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const open = value('image-opts') === undefined ? openImageFile : openImageByOptions;
  const file = await open(name, value('format'), 'check');
  try {
    return await checkFile(file, { name, json: output === 'json', quiet: value('quiet') !== undefined }, out);
  } finally {
    await file.storage.close();
  }
}

/** How the result is told. `name`: as on the command line. */
interface Manner {
  readonly name: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

async function checkFile({ image }: ImageFile, manner: Manner, out: Output): Promise<number> {
  if (image === undefined) {
    throw new Failure('This image format does not support checks', { exitCode: exitCodes.notSupported });
  }
  const messages = new Messages();
  const visitor = { say: messages.say, mismatch: () => undefined };
  const result = await checkImage(image, visitor, noProgress).finally(() => messages.flush());
  if (result.failure !== undefined) {
    throw new Failure(`Check failed: ${systemText(result.failure)}`);
  }
  if (!manner.quiet) {
    out.text(manner.json ? `${prettyJson(inQdictOrder(asObject(result, manner.name)))}\n` : asText(result));
  }
  if (result.checkErrors > 0) {
    throw new Failure('Check failed');
  }
  return result.corruptions > 0 ? exitCodes.corrupt : result.leaks > 0 ? exitCodes.leaks : exitCodes.sound;
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
function asObject(result: CheckResult, name: string): Record<string, string | number | bigint | undefined> {
  const { checkErrors, imageEndOffset, corruptions, leaks, totalClusters, use } = result;
  return {
    filename: bytesOfText(name),
    format: 'qcow2',
    'check-errors': checkErrors,
    'image-end-offset': imageEndOffset,
    corruptions: corruptions || undefined,
    leaks: leaks || undefined,
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
