import { readDump } from '../engine/dump/dump.ts';
import { writeDump } from '../engine/dump/dumpJson.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import type { DumpApi } from '../protocol/dumpApi.ts';
import type { Handlers } from './server.ts';

/** Characters of a dump that an editor still shows. */
const mostCharacters = 2 ** 25;

/** The methods that give the image as text. */
export function dumpMethods(image: Image): Pick<Handlers, keyof DumpApi> {
  return { dumpJson: async ({ path }) => dumpJson(image, path) };
}

async function dumpJson(image: Image, path: string): Promise<string> {
  let text = '';
  const write = (part: string): void => {
    text += part;
    if (text.length > mostCharacters) {
      throw new Qcow2Error(
        'too-large',
        `The dump has more than ${mostCharacters / 2 ** 20} Mi characters. Write it to a file: qcow2 dump --output=json IMAGE > dump.json`,
      );
    }
  };
  await writeDump(await readDump(path, image, false), { write }, async () => undefined);
  return text;
}
