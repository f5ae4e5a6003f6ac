import { writeJson } from '../../src/cli/dumpJson.ts';
import { writeText } from '../../src/cli/dumpText.ts';
import { TextStream } from '../../src/cli/textStream.ts';
import { readDump } from '../../src/engine/dump/dump.ts';
import { walkExtents } from '../../src/engine/image/extents.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress, type Storage } from '../../src/engine/ports.ts';

/** Does with an image what `dump --tables` and `map` do. Throws when the engine does. */
export async function inspect(storage: Storage): Promise<void> {
  const image = await openImage(storage);
  const nowhere = new TextStream({ text: () => undefined, write: () => undefined });
  const { scan, ...dump } = await readDump('fuzzed.qcow2', image, true);
  await writeText(dump, nowhere);
  await writeJson(scan ? { ...dump, scan } : dump, nowhere);
  if (image.layer) {
    await walkExtents(image, image.layer, { from: 0, to: image.layer.clusters }, () => true, noProgress);
  }
}
