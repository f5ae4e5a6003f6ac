import { diff } from '../engine/diff/diff.ts';
import { DiffText } from '../engine/diff/diffText.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import type { Progress } from '../engine/ports.ts';
import { openFile } from '../platform/fileStorage.ts';

/** Characters of a comparison that an editor still shows. */
const mostCharacters = 2 ** 25;

/**
 * Compares an image with the one in the file `other`: what `qcow2 diff` prints. Throws `damaged` where one of them has no
 * header, `too-large` where no editor would show the text, and what opening the file throws.
 */
export async function compareMetadata(image: Image, path: string, other: string, progress: Progress): Promise<string> {
  const storage = await openFile(other);
  try {
    const second = await openImage(storage);
    for (const [name, { header, file }] of [
      [path, image],
      [other, second],
    ] as const) {
      if (header === undefined) {
        throw new Qcow2Error('damaged', `${name}: ${file.says}: there is no metadata to be compared.`);
      }
    }
    const lines: string[] = [];
    let characters = 0;
    const text = new DiffText(
      (line) => {
        lines.push(line.trimEnd());
        characters += line.length + 1;
        if (characters > mostCharacters) {
          throw new Qcow2Error(
            'too-large',
            `There are more differences than an editor shows. Write them to a file: qcow2 diff A B > differences.txt`,
          );
        }
      },
      path,
      other,
    );
    const { differences, tablesCompared } = await diff(image, second, (one) => text.add(one), progress);
    text.end(differences, tablesCompared);
    return `${lines.join('\n')}\n`;
  } finally {
    await storage.close();
  }
}
