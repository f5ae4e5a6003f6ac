import type * as vscode from 'vscode';
import type { ChangeRequest, Preallocation } from '../protocol/changeApi.ts';
import { sizeOf } from '../worker/createThread.ts';
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
    const before = description.geometry?.virtualSize ?? 0n;
    let text = sizeWords(before);
    let preallocation: Preallocation = 'off';
    let chain = false;
    const size = (): bigint => sizeFrom(text, before);
    const done = await askInTurn([
      () => askSize(text, before, (value) => (text = value)),
      () =>
        size() <= before
          ? Promise.resolve('next')
          : askPreallocation(preallocation, (value) => (preallocation = value)),
      () => (size() <= before ? Promise.resolve('next') : askChain(description, (value) => (chain = value))),
    ]);
    if (!done) {
      return undefined;
    }
    const wanted = size() > before ? preallocation : 'off';
    return { verb: 'resize', size: size(), preallocation: wanted, chain } satisfies ChangeRequest;
  });
}

/** The size that a text says: of its own, or with a sign by how much it is larger or smaller. Whole sectors, as QEMU. */
function sizeFrom(text: string, before: bigint): bigint {
  const sign = /^\s*([+-])/.exec(text)?.[1];
  const amount = sizeOf(sign === undefined ? text : text.trim().slice(1));
  if (typeof amount === 'string') {
    return -1n;
  }
  const size = sign === undefined ? amount : sign === '+' ? before + amount : before - amount;
  return (size + 511n) & ~511n;
}

function askSize(value: string, before: bigint, take: (text: string) => void): Promise<Outcome> {
  const prompt = `The disk has ${sizeWords(before)} now. Its new size, such as 20G, or by how much: +10G, -512M.`;
  const refusalOf = (text: string): string | undefined => {
    const amount = sizeOf(text.trim().replace(/^[+-]/, ''));
    if (typeof amount === 'string') {
      return amount;
    }
    const size = sizeFrom(text, before);
    if (size <= 0n) {
      return 'A disk has at least one sector of 512 bytes.';
    }
    return size === before ? 'That is the size that it has.' : undefined;
  };
  return askText({ title, step: 1, steps: 3, back: false, prompt }, value, refusalOf, take);
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
