import type { Dump } from '../engine/dump/dump.ts';
import { writeDump } from '../engine/dump/dumpJson.ts';
import { JsonTables } from './dumpJsonTables.ts';
import { dumpTables } from './dumpTables.ts';
import type { TextStream } from './textStream.ts';

/** Writes a dump as JSON, with its tables; the comment of `dump` says what is in it. */
export async function writeJson(dump: Dump, to: TextStream): Promise<void> {
  const { image } = dump;
  await writeDump(dump, to, async (json) => {
    if (image.geometry) {
      await dumpTables(image, image.geometry, new JsonTables(json));
    }
  });
}
