import type * as vscode from 'vscode';
import type { ChangeRequest, Preallocation } from '../protocol/changeApi.ts';
import { newSizeOf, newSizeWords, type ResizedDisk } from '../worker/newSize.ts';
import { askChoice, askInTurn, askText, type Choice, type Outcome } from './ask.ts';
import { type ChangeTools, type Description, registerChange } from './changeTarget.ts';
import { sizeWords } from './sizeWords.ts';

const title = 'Resize';

const preallocations: readonly Choice<Preallocation>[] = [
  { label: 'off', description: 'default', detail: 'What is new takes no space before it is written.', value: 'off' },
  { label: 'metadata', detail: 'All tables of what is new are written now.', value: 'metadata' },
  { label: 'falloc', detail: 'The space on the disk is taken now.', value: 'falloc' },
  { label: 'full', detail: 'The space on the disk is taken now, by writing zeros.', value: 'full' },
];

/** "Resize…": gives the disk another size. What is given up where it gets smaller is in the preview. */
export function registerResize(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.resize', tools, async (describe) => {
    const description = await describe();
    const disk = description.geometry;
    if (disk === undefined) {
      return undefined; // refused by `describe`
    }
    const before = disk.virtualSize;
    let text = sizeWords(before);
    let size = before;
    let preallocation: Preallocation = 'off';
    let chain = false;
    const done = await askInTurn([
      () =>
        askSize(text, disk, (bytes, typed) => {
          size = bytes;
          text = typed;
        }),
      () =>
        size <= before ? Promise.resolve('next') : askPreallocation(preallocation, (value) => (preallocation = value)),
      () => (size <= before ? Promise.resolve('next') : askChain(description, (value) => (chain = value))),
    ]);
    if (!done) {
      return undefined;
    }
    const wanted = size > before ? preallocation : 'off';
    return { verb: 'resize', size, preallocation: wanted, chain } satisfies ChangeRequest;
  });
}

function askSize(value: string, disk: ResizedDisk, take: (size: bigint, text: string) => void): Promise<Outcome> {
  const before = disk.virtualSize;
  const prompt = `The disk has ${sizeWords(before)} now. Its new size, such as 20G, or by how much: +10G, -512M.`;
  const refusalOf = (text: string): string | undefined => {
    const size = newSizeOf(text, disk);
    if (typeof size === 'string') {
      return size;
    }
    return size === before ? 'That is the size that it has.' : undefined;
  };
  const says = (text: string): string => newSizeWords(newSize(text, disk), before);
  const accept = (text: string): void => take(newSize(text, disk), text);
  return askText({ title, step: 1, steps: 3, back: false, prompt, says }, value, refusalOf, accept);
}

/** Of a text that was accepted. */
function newSize(text: string, disk: ResizedDisk): bigint {
  return BigInt(newSizeOf(text, disk));
}

function askPreallocation(current: Preallocation, take: (value: Preallocation) => void): Promise<Outcome> {
  return askChoice(
    { title, step: 2, steps: 3, back: true, prompt: 'Preallocation of what is new' },
    preallocations,
    take,
    current,
  );
}

/** A backing file that is longer than the disk would come up in what is new: it is opened by the user's word only. */
function askChain({ backing }: Description, take: (allowed: boolean) => void): Promise<Outcome> {
  if (backing === undefined || backing.name === '') {
    return Promise.resolve('next');
  }
  const choices: Choice<boolean>[] = [
    {
      label: `Open ${backing.name}`,
      detail: 'It and what it is based on are read, to keep from the new part what they may have there.',
      value: true,
    },
  ];
  return askChoice({ title, step: 3, steps: 3, back: true, prompt: 'The backing file must be opened' }, choices, take);
}
