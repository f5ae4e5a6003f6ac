import type { ChangeSet } from '../engine/change/changeSet.ts';
import { check as checkImage } from '../engine/check/check.ts';
import { Qcow2Error, systemText } from '../engine/error.ts';
import { type Leak, planLeakRepair } from '../engine/operations/repairLeaks.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { type ChangeArguments, changeArguments, changeImage, changeOptions, type Target } from './change.ts';
import { asObject, asText, exitCodeOf, exitCodes, noCheck } from './checkReport.ts';
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
  { long: 'findings' },
  ...sourceOptions,
  ...changeOptions,
];

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
      `usage: ${programName} check [-q] [-f FMT] [--output=human|json|sarif] [--findings] [-r leaks|all] [--dry-run[=json]] [--keep-undo] [--journal FILE] [-U] [--object OBJECT] [--image-opts] FILE\n`,
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
  if (output !== 'human' && output !== 'json' && output !== 'sarif') {
    throw new Failure('--output must be used with human, json or sarif as argument.');
  }
  const manner = { json: output === 'json', quiet: value('quiet') !== undefined, repair: repair !== undefined };
  if (output === 'sarif' || value('findings') !== undefined) {
    if (repair !== undefined) {
      throw new Failure(
        '-r can’t be used with --findings or --output=sarif: repair first, then look for what is left.',
      );
    }
    // Loaded here: a check without findings does without their code.
    const { tellFindings } = await import('./checkDiagnosis.ts');
    return withSources(read, out, (sourceOf) => tellFindings(sourceOf(name), output, manner.quiet, out));
  }
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
