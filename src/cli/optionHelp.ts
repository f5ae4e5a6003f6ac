import type { OptionKind } from './optionList.ts';

const kindNames: Readonly<Record<OptionKind, string>> = {
  text: 'str',
  flag: 'bool (on/off)',
  number: 'num',
  size: 'size',
};

/** Bytes of a line before what an option is. */
const nameColumn = 24;

/** Whether option lists ask for help, as QEMU's has_help_option has it. */
export function asksForHelp(lists: readonly string[]): boolean {
  return lists.some((list) => list.split(/(?<!,)(?:,,)*,(?!,)/).some((part) => part === 'help' || part === '?'));
}

/** A line of what `-o help` prints (qemu_opts_print_help). */
export function helpLine(name: string, kind: OptionKind, what: string): string {
  return `${`  ${name}=<${kindNames[kind]}>`.padEnd(nameColumn)} - ${what}\n`;
}
