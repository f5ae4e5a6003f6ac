import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runProgram } from '../support/qemu.ts';
import { findProgram } from '../support/system.ts';

/** What the tests run. */
export interface Programs {
  /** For `check`, which hands it on to the tests. */
  readonly environment: Readonly<Record<string, string>>;
  /** What stands before a command line so that it finds a program that fails in the place of qemu-img. */
  readonly covered: readonly string[];
}

/** How qemu-img's place is filled. */
export interface Choice {
  /** The program in qemu-img's place; the project's own when not given. */
  readonly program?: string | undefined;
  /** A file for a line a call: test, exit code and arguments with tabs between them. */
  readonly trace?: string | undefined;
}

/**
 * Writes the programs that the tests run into `folder`. Ours goes in qemu-img's place, beside QEMU's own other programs.
 * Only root can cover the qemu-img of the system; otherwise, and where the system does not let root, a line says so.
 */
export async function setUpPrograms(
  folder: string,
  { program, trace }: Choice,
  report: (line: string) => void,
): Promise<Programs> {
  mkdirSync(folder);
  const real = realpathSync(systemProgram('qemu-img'));
  const tested = program === undefined ? ourCommand(folder) : `'${resolve(program)}'`;
  // The suite calls qemu-img by no other name than this: messages begin with it.
  const called = join(folder, 'qemu-img');
  script(called, trace === undefined ? `exec ${tested} "$@"` : traced(tested, resolve(trace)));
  return {
    environment: {
      HOME: folder,
      // Debian's python3, not one that a version switcher has put first.
      PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
      LC_ALL: 'C.UTF-8',
      MALLOC_PERTURB_: '85',
      QEMU_PROG: await systemEmulator(folder),
      QEMU_IMG_PROG: called,
      QEMU_IO_PROG: systemProgram('qemu-io'),
      QEMU_NBD_PROG: systemProgram('qemu-nbd'),
      QSD_PROG: systemProgram('qemu-storage-daemon'),
    },
    covered: program !== undefined && realpathSync(program) === real ? [] : await cover(folder, real, report),
  };
}

/** The command of `dist/`, by a link that has qemu-img's name. */
function ourCommand(folder: string): string {
  mkdirSync(join(folder, 'ours'));
  const link = join(folder, 'ours/qemu-img');
  symlinkSync(resolve(import.meta.dirname, '../../dist/cli.js'), link);
  return `'${process.execPath}' '${link}'`;
}

/** Runs a command and writes down what it came to. */
function traced(command: string, file: string): string {
  return `${command} "$@"\ncode=$?\nprintf '%s\\t%s\\t%s\\n' "$IOTESTS_NAME" $code "$*" >>'${file}'\nexit $code`;
}

/** Debian's emulator has no accelerator `qtest`, which the suite asks for: it is given another one. */
async function systemEmulator(folder: string): Promise<string> {
  const real = systemProgram('qemu-system-x86_64');
  if (/^qtest$/m.test((await runProgram(real, ['-accel', 'help'])).stdout)) {
    return real;
  }
  const wrapper = join(folder, 'qemu-system-x86_64');
  script(
    wrapper,
    `before=
for word do
  shift
  if [ "$before" = -accel ] && [ "$word" = qtest ]; then word=tcg; fi
  set -- "$@" "$word"
  before=$word
done
exec ${real} "$@"`,
  );
  return wrapper;
}

/** In a mount namespace of its own, a program that fails lies over qemu-img. */
async function cover(folder: string, real: string, report: (line: string) => void): Promise<string[]> {
  const failing = join(folder, 'covered');
  script(failing, "echo 'The qemu-img of the system was called' >&2\nexit 99");
  const mount = `mount --bind '${failing}' '${real}' && exec "$@"`;
  const words = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, 'sh'];
  const [unshare = '', ...rest] = words;
  const { code, stderr } = await runProgram(unshare, [...rest, real]);
  if (code === 99) {
    return words;
  }
  report(`qemu-img itself is not covered, a program that calls it would not be found out: ${stderr.trim()}`);
  return [];
}

function systemProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new Error(`${name} is not installed`);
  }
  return path;
}

function script(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}
