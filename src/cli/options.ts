import { bytesOfText } from './bytes.ts';
import { usageFailure } from './program.ts';

/** One option of a verb. */
export interface Option {
  /** Without the two dashes. */
  readonly long: string;
  /** One letter, where there is a short form. */
  readonly short?: string;
  /** Takes a value: `--name=value`, `--name value`, `-n value` or `-nvalue`; `attached`: perhaps, as `--name=value`. */
  readonly value?: boolean | 'attached';
  /** qemu-img has it, we don't yet: refused by name. */
  readonly unsupported?: boolean;
}

/** What was given: options in order, and the other arguments. */
export interface Arguments {
  readonly given: readonly { readonly name: string; readonly value: string }[];
  readonly operands: readonly string[];
}

/**
 * Reads a verb's arguments as getopt_long does: options anywhere, long ones shortened as far as they stay unique,
 * short ones in one word, `--` ends them. With `stopAtOperand` the first other argument ends them. Throws a `Failure`
 * in QEMU's words for an unknown option or a missing value.
 */
export function readArguments(options: readonly Option[], args: readonly string[], stopAtOperand = false): Arguments {
  const given: { name: string; value: string }[] = [];
  const operands: string[] = [];
  let at = 0;

  const take = (option: Option, attached: string | undefined, word: string): void => {
    if (option.value !== true) {
      if (attached !== undefined && option.value !== 'attached') throw unrecognized(word);
    } else if (attached === undefined && at >= args.length) {
      throw usageFailure(`missing argument for option '${bytesOfText(word)}'`);
    }
    if (option.unsupported === true) throw usageFailure(`option '--${option.long}' is not supported yet`);
    given.push({ name: option.long, value: attached ?? (option.value === true ? (args[at++] ?? '') : '') });
  };

  while (at < args.length) {
    const word = args[at] ?? '';
    if (word === '--') {
      at++;
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      if (stopAtOperand) break;
      operands.push(word);
      at++;
    } else if (word.startsWith('--')) {
      at++;
      const equals = word.indexOf('=');
      const name = word.slice(2, equals < 0 ? undefined : equals);
      const option = longOption(options, name);
      if (option === undefined) throw unrecognized(word);
      take(option, equals < 0 ? undefined : word.slice(equals + 1), word);
    } else {
      at++;
      for (let letter = 1; letter < word.length; letter++) {
        const option = options.find(({ short }) => short === word[letter]);
        if (option === undefined) throw unrecognized(word);
        const rest = word.slice(letter + 1);
        take(option, option.value === true && rest !== '' ? rest : undefined, word);
        if (option.value === true) break;
      }
    }
  }
  return { given, operands: [...operands, ...args.slice(at)] };
}

function longOption(options: readonly Option[], name: string): Option | undefined {
  const exact = options.find(({ long }) => long === name);
  if (exact !== undefined) return exact;
  const matching = options.filter(({ long }) => long.startsWith(name));
  return matching.length === 1 ? matching[0] : undefined;
}

function unrecognized(word: string): Error {
  return usageFailure(`unrecognized option '${bytesOfText(word)}'`);
}
