import type { ParsedSize } from '../engine/size.ts';
import { bytesOfText } from './bytes.ts';
import { outputTo } from './output.ts';
import { programName } from './program.ts';

/** Prints QEMU's warning where a unit follows a hexadecimal number. `text`: the size as given. */
export function warnOfHexUnit(text: string, { hexUnit }: ParsedSize): void {
  if (hexUnit) {
    const warning = 'warning: Using a multiplier suffix on hex numbers is deprecated';
    outputTo(2).text(`${programName}: ${warning}: ${bytesOfText(text)}\n`);
  }
}
