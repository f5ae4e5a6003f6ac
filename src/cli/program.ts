import { basename } from 'node:path';

/**
 * The name that messages begin with. Run through a link called `qemu-img`, the command answers under that name, so
 * that scripts and QEMU's own tests can't tell the difference.
 */
export const programName: string = basename(process.argv[1] ?? '') === 'qemu-img' ? 'qemu-img' : 'qcow2';

/**
 * Ends the command with a message on stderr and an exit status. Text is a byte string (see `bytes.ts`): names go out
 * as the bytes that they are in the image.
 */
export class Failure extends Error {
  readonly exitCode: number;
  /** Printed after the message, without the program's name. */
  readonly hint: string;

  constructor(message: string, more: { exitCode?: number; hint?: string } = {}) {
    super(message);
    this.name = 'Failure';
    this.exitCode = more.exitCode ?? 1;
    this.hint = more.hint ?? '';
  }
}

/** A failure of the command line itself; points to the help, as QEMU does. */
export function usageFailure(message: string): Failure {
  return new Failure(message, { hint: `Try '${programName} --help' for more information\n` });
}
