import { runQcow2 } from '../support/command.ts';
import type { ProgramResult } from '../support/programs.ts';
import { runProgram } from '../support/qemu.ts';

/** The answer of our `check`, with messages under qemu-img's name. */
export async function checkedByUs(args: readonly string[], folder: string): Promise<ProgramResult> {
  const { code, stdout, stderr } = await runQcow2(['check', ...args], folder);
  return { code, stdout, stderr: stderr.replaceAll(/^qcow2: (?!Image is|Marking)/gm, 'qemu-img: ') };
}

/** After this hint QEMU forgets the end of the line. */
const hint = "run 'qemu-img check -r' on the image file to fix.";

/** The answer of qemu-img's. */
export async function checkedByQemu(args: readonly string[], folder: string): Promise<ProgramResult> {
  const { code, stdout, stderr } = await runProgram('qemu-img', ['check', ...args], folder);
  return { code, stdout, stderr: stderr.replace(hint, `${hint}\n`) };
}
