import { bytesOfText } from './bytes.ts';
import { outputTo } from './output.ts';

/** QEMU's warning where it opens an image for writing that it takes for raw since nobody says what it is. */
export function warnOfProbing(path: string): void {
  outputTo(2).text(
    `WARNING: Image format was not specified for '${bytesOfText(path)}' and probing guessed raw.\n` +
      '         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.\n' +
      "         Specify the 'raw' format explicitly to remove the restrictions.\n",
  );
}
