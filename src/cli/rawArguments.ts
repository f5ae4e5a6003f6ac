import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** What Node puts in the place of bytes that are no UTF-8. */
const replacement = '\u{fffd}';

/**
 * The first of this process's last arguments whose bytes are no UTF-8, which Node has replaced by others; undefined where
 * there is none, and on systems that don't show the bytes.
 *
 * @param args - those arguments as texts
 */
export function brokenArgument(args: readonly string[]): Uint8Array | undefined {
  if (process.platform !== 'linux' || !args.some((arg) => arg.includes(replacement))) {
    return undefined;
  }
  // Each ends with a NUL.
  const words = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
  return words
    .slice(-args.length)
    .map((word) => Buffer.from(word, 'latin1'))
    .find((bytes) => !isUtf8(bytes));
}
