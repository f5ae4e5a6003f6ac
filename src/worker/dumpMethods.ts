import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import type { DumpApi } from '../protocol/dumpApi.ts';
import type { Handlers } from './server.ts';

/** Characters of a dump that an editor still shows. */
const mostCharacters = 2 ** 25;

/** The methods that give the image as text, for which code is loaded that few threads ever need. */
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
  const [{ readDump }, { writeDump }] = await Promise.all([
    import('../engine/dump/dump.ts'),
    import('../engine/dump/dumpJson.ts'),
  ]);
  await writeDump(await readDump(path, image, false), { write }, async () => undefined);
  return text;
}
