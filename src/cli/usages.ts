import { programName } from './program.ts';

/** By verb: what may follow it on the command line. */
const usages = {
  create: '[-q] [-f FMT] [-b FILE -F FMT] [-u] [-o OPTIONS] [--object OBJECT] FILE [SIZE]',
  info: '[-f FMT] [--output=human|json] [--backing-chain] [--no-backing] [-U] [--image-opts] FILE',
  check:
    '[-q] [-f FMT] [--output=human|json|sarif] [--findings] [--deep] [--backing-chain] [-r leaks|all] [-T CACHE] [--dry-run[=json]] [--keep-undo] [--journal FILE] [-U] [--object OBJECT] [--image-opts] FILE',
  repair:
    '[-q] [-f FMT] [--only CODE]... [--tables | --table OFFSET=INDEX...] [--dry-run[=json]] [--keep-undo] [--journal FILE] [--object OBJECT] [--image-opts] FILE',
  map: '[-f FMT] [--output=human|json] [-s OFFSET] [-l LENGTH] [--no-backing] [-U] [--image-opts] FILE',
  rebase:
    '-u [-b BACKING -F FMT] [-f FMT] [-p] [-q] [-t CACHE] [-T CACHE] [-U] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
  resize:
    '[-f FMT] [--preallocation=off|metadata|falloc|full] [-q] [--shrink] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE [+|-]SIZE',
  amend:
    '[-f FMT] [-p] [-q] [-t CACHE] [--force] -o OPTIONS [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
  bits: '[--set BIT]... [--clear BIT]... [--confirm BIT]... [-f FMT] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
  recover: '[-q] [--journal FILE] FILE',
  undo: '[-q] [--although-changed] [--discard] [--journal FILE] FILE',
  bitmap:
    '(--merge SOURCE | --add | --remove | --clear | --enable | --disable)... [-b SOURCE_FILE [-F FMT]] [-g SIZE] [-f FMT] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE BITMAP',
  snapshot:
    '[-l | -a SNAPSHOT | -c SNAPSHOT | -d SNAPSHOT] [-f FMT] [-q] [-U] [--object OBJECT] [--image-opts] [--dry-run[=json]] [--keep-undo] [--journal FILE] FILE',
  salvage: '[-p] [-l SNAPSHOT | --l1 OFFSET:ENTRIES] [--no-backing] [--force] [--output=human|json] IMAGE OUT',
  'metadata-copy': '[-p] [--anonymous] [--no-bitmap-data] [--force] [--output=human|json] IMAGE OUT',
  diff: '[--output=human|json] A B',
  dump: '[--output=human|json] [--tables] [--no-backing] [-U] FILE',
} as const satisfies Readonly<Record<string, string>>;

/** A verb of the command line, by its name. */
export type VerbName = keyof typeof usages;

/** `qcow2 VERB …`: a verb with its options and operands. */
export function usageOf(name: VerbName): string {
  return `${programName} ${name} ${usages[name]}`;
}

/** The line with which a verb's help begins. */
export function usageLine(name: VerbName): string {
  return `usage: ${usageOf(name)}\n`;
}
