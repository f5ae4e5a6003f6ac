import { bytesOfText } from './bytes.ts';
import { Failure } from './program.ts';

/** Parameters by name, the last of each, and whether `help` or `?` is among them. */
export interface KeyValues {
  readonly values: ReadonlyMap<string, string>;
  readonly help: boolean;
}

/**
 * Reads `VALUE,name=value,…` as QEMU does (keyval_parse): two commas stand for one in a value, but for the first, which
 * may stand without its name. Throws a `Failure` with QEMU's message.
 *
 * @param firstName - the name of a first value without one
 */
export function readKeyValues(text: string, firstName: string): KeyValues {
  const values = new Map<string, string>();
  let help = false;
  for (let at = 0; at < text.length; ) {
    const [name = ''] = /[^=,]*/.exec(text.slice(at)) ?? [];
    const afterName = at + name.length;
    if (text[afterName] === '=') {
      checkName(name);
      const [value = ''] = /^(?:[^,]|,,)*/.exec(text.slice(afterName + 1)) ?? [];
      values.set(name, value.replaceAll(',,', ','));
      at = afterName + 1 + value.length + 1;
      continue;
    }
    if (name === 'help' || name === '?') {
      help = true;
    } else if (at === 0 && name !== '') {
      values.set(firstName, name);
    } else {
      checkName(name);
      throw new Failure(`Expected '=' after parameter '${bytesOfText(name)}'`);
    }
    at = afterName + 1;
  }
  return { values, help };
}

function checkName(name: string): void {
  if (!/^[A-Za-z][\w.-]*$/.test(name)) {
    throw new Failure(`Invalid parameter '${bytesOfText(name)}'`);
  }
}
