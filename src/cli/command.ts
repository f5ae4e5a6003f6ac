import { Qcow2Error } from '../engine/error.ts';
import { bytesOfText } from './bytes.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo, ReaderGone } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { usageOf } from './usages.ts';
import { notYet, verbs } from './verbs.ts';

const version = '0.1.0';

/** What may stand before the verb. */
const globalOptions: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'version', short: 'V' },
  { long: 'trace', short: 'T', value: true, unsupported: true },
];

/** Runs one command line and returns the exit status. */
async function run(args: readonly string[], out: Output): Promise<number> {
  if (args.length === 0) {
    throw usageFailure('Not enough arguments');
  }
  const { given, operands } = readArguments(globalOptions, args, true);
  const [word, ...rest] = operands;
  const first = given[0]?.name ?? word;
  if (first === 'help') {
    out.text(help());
    return 0;
  }
  if (given.length > 0) {
    out.text(`${programName} version ${version}\n`);
    return 0;
  }
  if (word === undefined) {
    return 0;
  }
  const verb = verbs.find(({ name }) => name === word);
  if (verb) {
    return verb.run(rest, out);
  }
  if (notYet.includes(word)) {
    throw new Failure(`the verb '${word}' is not there yet`);
  }
  throw usageFailure(`Command not found: ${bytesOfText(word)}`);
}

function help(): string {
  const lines = verbs.map(({ name, about }) => `  ${usageOf(name)}\n      ${bytesOfText(about)}\n`);
  return (
    `usage: ${programName} VERB [OPTIONS]\n` +
    `Looks at qcow2 disk images, makes and changes them. Verbs:\n\n${lines.join('')}\n` +
    `Not there yet: ${notYet.join(', ')}.\n`
  );
}

/** The exit status where nobody reads on: what a shell says of a program that SIGPIPE ended. What was begun may not be done. */
const readerGone = 128 + 13;

/**
 * Runs one command line, on this process's stdout and stderr. Returns the exit status.
 *
 * @param broken - the bytes of an argument that are no text, and not what stands for them in `args`
 */
export async function runCommand(args: readonly string[], broken?: Uint8Array): Promise<number> {
  const errors = outputTo(2);
  try {
    if (broken) {
      const shown = Buffer.from(broken).toString('latin1');
      throw new Failure(
        `the argument '${shown}' is not UTF-8, and can't be taken as it is. Give a file by a link of another name`,
      );
    }
    return await run(args, outputTo(1));
  } catch (error) {
    if (error instanceof ReaderGone) {
      return readerGone;
    }
    if (error instanceof Failure) {
      errors.text(`${programName}: ${error.message}\n${error.hint}`);
      return error.exitCode;
    }
    if (error instanceof Qcow2Error) {
      errors.text(`${programName}: ${bytesOfText(error.message)}\n`);
      return 1;
    }
    throw error;
  }
}
