import { check as checkImage } from '../engine/check/check.ts';
import { systemText } from '../engine/error.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { requireCacheMode } from './cacheModes.ts';
import { type ChangeArguments, changeArguments, changeOptions } from './changeOptions.ts';
import { Messages } from './checkMessages.ts';
import type { Fixed, RepairRequest } from './checkRepair.ts';
import { asObject, asText, exitCodeOf, exitCodes, noCheck } from './checkReport.ts';
import { couldNotOpen } from './imageFile.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { prettyJson } from './json.ts';
import { type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { inQdictOrder } from './qdict.ts';
import { usageLine } from './usages.ts';
import { watchForWriters } from './writers.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'repair', short: 'r', value: true },
  { long: 'output', value: true },
  { long: 'cache', short: 'T', value: true },
  { long: 'quiet', short: 'q' },
  { long: 'force-share', short: 'U' },
  { long: 'findings' },
  { long: 'deep' },
  { long: 'backing-chain' },
  ...sourceOptions,
  ...changeOptions,
];

/** What is asked for. */
interface Request {
  readonly source: ImageSource;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly repair: 'leaks' | 'all' | undefined;
  readonly change: ChangeArguments;
}

/** `qcow2 check`: qemu-img's verb. Opens the image read-only, unless a repair is asked for. */
export async function check(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  const value = (name: string): string | undefined => read.given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('check'));
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
  if (output !== 'human' && output !== 'json' && output !== 'sarif') {
    // qemu-img's words, which know nothing of ours.
    throw new Failure('--output must be used with human or json as argument.');
  }
  requireCacheMode('source cache', value('cache'));
  if (repair !== undefined && value('force-share') !== undefined) {
    throw couldNotOpen(name, 'force-share=on can only be used with read-only images');
  }
  const manner = { json: output === 'json', quiet: value('quiet') !== undefined, repair } as const;
  const deep = value('deep') !== undefined;
  const follow = value('backing-chain') !== undefined;
  if (output === 'sarif' || deep || follow || value('findings') !== undefined) {
    if (repair !== undefined) {
      throw new Failure(
        '-r can’t be used with --findings, --deep, --backing-chain or --output=sarif: repair first, then look for what is left.',
      );
    }
    // Loaded here: a check without findings does without their code.
    const { tellFindings } = await import('./checkDiagnosis.ts');
    return withSources(read, out, (sourceOf) =>
      tellFindings(sourceOf(name), { output, deep, follow, quiet: manner.quiet }, out),
    );
  }
  return withSources(read, out, (sourceOf) =>
    checkOrRepair({ source: sourceOf(name), ...manner, change: changeArguments(read) }, out),
  );
}

async function checkOrRepair({ repair, ...request }: Request, out: Output): Promise<number> {
  const { source, change, json, quiet } = request;
  const none: Fixed = { corruptions: 0, leaks: 0 };
  const fixed = repair ? await repaired({ source, repair, change, tells: !json && !quiet }, out) : none;
  return repair && change.dryRun !== 'no' ? exitCodes.sound : checkFile(request, out, fixed);
}

/** Repairs before the check. Loaded here: a check alone does without the code that changes images. */
async function repaired(request: RepairRequest, out: Output): Promise<Fixed> {
  const { repairBeforeCheck } = await import('./checkRepair.ts');
  return repairBeforeCheck(request, out);
}

/** Checks and tells. `fixed`: what was repaired before. */
async function checkFile({ source, json, quiet }: Omit<Request, 'repair'>, out: Output, fixed: Fixed): Promise<number> {
  const { image, storage, path } = await source.open('check');
  const messages = new Messages();
  try {
    if (image === undefined) {
      throw noCheck();
    }
    const tellWriters = await watchForWriters([{ path, storage }]);
    const visitor = { say: messages.say, mismatch: () => undefined };
    const result = await checkImage(image, visitor, noProgress).finally(() => messages.flush());
    if (result.failure !== undefined) {
      await tellWriters();
      throw new Failure(`Check failed: ${systemText(result.failure)}`);
    }
    if (!quiet) {
      out.text(json ? `${prettyJson(inQdictOrder(asObject(result, source.name, fixed)))}\n` : asText(result));
    }
    const code = exitCodeOf(result);
    if (code !== exitCodes.sound) {
      await tellWriters();
    }
    return code;
  } finally {
    await storage.close();
  }
}
