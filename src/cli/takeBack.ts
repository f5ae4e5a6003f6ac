import { journalState, takeBack } from '../engine/change/recovery.ts';
import { openImage } from '../engine/image/open.ts';
import { type ChangeFile, openToChange } from '../platform/changeFile.ts';
import { namedPath } from '../platform/gate.ts';
import { journalBeside } from '../platform/journalFile.ts';
import { bytesOfText } from './bytes.ts';
import { imagePath } from './imageFile.ts';
import { type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'quiet', short: 'q' },
  { long: 'journal', value: true },
];

/** `qcow2 recover`: rolls back a change that was interrupted, so that the image is as it was before, to the byte. */
export function recover(args: readonly string[], out: Output): Promise<number> {
  return run('recover', args, out);
}

/** `qcow2 undo`: takes back the last change that was made with `--keep-undo`, or from the editor. */
export function undo(args: readonly string[], out: Output): Promise<number> {
  return run('undo', args, out);
}

async function run(verb: 'recover' | 'undo', args: readonly string[], out: Output): Promise<number> {
  const own: readonly Option[] = verb === 'undo' ? [{ long: 'although-changed' }, { long: 'discard' }] : [];
  const { given, operands } = readArguments([...options, ...own], args);
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine(verb));
    return 0;
  }
  const [name] = operands;
  if (name === undefined || operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  const path = imagePath(name);
  const place = journalBeside(path, value('journal'));
  const say = (text: string): void => out.text(value('quiet') === undefined ? bytesOfText(`${text}\n`) : '');
  const found = await journalState(place);
  if (value('discard') !== undefined && found.state === 'finished') {
    await place.remove(true);
    say(`The journal of "${found.title}" is gone: the change can't be undone any more.`);
    return 0;
  }
  if (verb === 'recover' && found.state === 'none') {
    say(`Nothing to recover: there is no journal at ${place.path}.`);
    return 0;
  }
  const file = await openToChange(path);
  let dataFile: ChangeFile | undefined;
  try {
    const wanted = verb === 'recover' ? 'interrupted' : 'finished';
    const { title, stays } = await takeBack(file, place, wanted, value('although-changed') !== undefined, {
      openDataFile: async () => {
        dataFile = await openDataFile(file);
        return dataFile;
      },
    });
    say(
      verb === 'recover'
        ? `Rolled back "${title}": the image is as it was before. The change can be made again.`
        : `Undid "${title}": the image is as it was before.`,
    );
    for (const sentence of stays) {
      say(sentence);
    }
  } finally {
    await dataFile?.close();
    await file.close();
  }
  return 0;
}

/** The external data file of an image; QEMU looks for it from the folder that the command runs in. */
async function openDataFile(file: ChangeFile): Promise<ChangeFile> {
  const name = (await openImage(file)).dataFile?.name;
  if (name === undefined) {
    throw new Failure('the external data file has changed with the image, and the image names none now');
  }
  return openToChange(namedPath(name, ''));
}
