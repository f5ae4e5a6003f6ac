import { showCount, showOffset } from './format/show.ts';

/** How bad a finding is. */
export type Severity = 'corruption' | 'leak' | 'warning' | 'note';

/** What QEMU does with an image that has the finding. */
export type QemuVerdict =
  /** Won't open it at all. */
  | 'refuses'
  /** Opens it for `info`, not for input and output. */
  | 'refuses-io'
  /** Opens it read-only. */
  | 'refuses-write'
  /** Opens it and prints a message. */
  | 'warns'
  /** Says nothing. */
  | 'silent';

/**
 * The texts of one finding code. `{name}` stands for the finding's value of that name, `{name|cluster|clusters}` for it
 * and what it counts.
 */
export interface FindingText {
  readonly severity: Severity;
  readonly verdict: QemuVerdict;
  /** QEMU's own message, where it has one. */
  readonly qemu?: string;
  /** What is wrong, in a sentence. */
  readonly title: string;
  /** What it means for the guest or for tools. */
  readonly meaning: string;
  /** What can be done. */
  readonly advice: string;
}

/** What the texts of a finding name, by name. */
export type FindingValues = Readonly<Record<string, string | number | bigint>>;

/** What is filled in: the name of the value, and for one that counts something, words for one and for many. */
export const placeholder = /\{(\w+)(?:\|([^|}]+)\|([^}]+))?\}/g;

/** The texts of a finding, with its values filled in. */
export function fillText(text: FindingText, values: FindingValues): FindingText {
  const value = (name: string): string => String(values[name] ?? `{${name}}`);
  // QEMU's words have QEMU's numbers; ours are written as everywhere else.
  const quote = (template: string): string => template.replace(/\{(\w+)\}/g, (_, name: string) => value(name));
  const fill = (template: string): string =>
    template.replaceAll(placeholder, (_, name: string, one?: string, many?: string) => {
      const shownValue = verbatim.has(name) ? value(name) : shown(value(name));
      return one === undefined ? shownValue : `${shownValue} ${value(name) === '1' ? one : many}`;
    });
  return {
    severity: text.severity,
    verdict: text.verdict,
    ...(text.qemu === undefined ? {} : { qemu: quote(text.qemu) }),
    title: fill(text.title),
    meaning: fill(text.meaning),
    advice: fill(text.advice),
  };
}

/** Values that are text, some of it from the image: even one that looks like a number is left as it is. */
const verbatim: ReadonlySet<string> = new Set(['name', 'id', 'error', 'message', 'first', 'second', 'says', 'found']);

/** An offset with its digits in groups, a large count likewise; other values as they are. */
function shown(value: string): string {
  if (/^0x[0-9a-f]+$/.test(value)) {
    return showOffset(BigInt(value));
  }
  return /^\d{5,}$/.test(value) ? showCount(BigInt(value)) : value;
}

/** The structures that findings are in, by the beginning of their chain. */
const structures: readonly (readonly [RegExp, string])[] = [
  [/^header/, 'header'],
  [/^extension/, 'header extensions'],
  [/^luks/, 'LUKS header'],
  [/L2\[/, 'L2 tables'],
  [/L1/, 'L1 tables'],
  [/^refcount/, 'refcounts'],
  [/^snapshot/, 'snapshots'],
  [/^bitmap/, 'bitmaps'],
];

/** In which structure a finding with such a chain is: `L2 tables`, `snapshots`. */
export function structureOf(chain: string): string {
  return structures.find(([start]) => start.test(chain))?.[1] ?? 'file';
}
