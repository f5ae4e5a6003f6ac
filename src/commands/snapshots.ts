import * as vscode from 'vscode';
import type { ChangeRequest } from '../protocol/changeApi.ts';
import { askChoice, askInTurn, askText, type Choice, type Outcome } from './ask.ts';
import { type ChangeTools, type Description, registerChange } from './changeTarget.ts';

/** Bytes of a snapshot's name at most, as QEMU reads it. */
const longestName = 255;

type Snapshots = Description['snapshots'];

/** A snapshot that is there, by its place, or one that is to be taken. */
type Chosen = number | 'new';

/** "Snapshots…": takes a snapshot, or goes back to one, or deletes it. */
export function registerSnapshots(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.snapshots', tools, async (describe) => {
    const { snapshots } = await describe();
    let chosen: Chosen = 'new';
    let request: ChangeRequest | undefined;
    const take = (wanted: ChangeRequest): void => {
      request = wanted;
    };
    const done = await askInTurn([
      () =>
        askChoice({ title: 'Snapshots', step: 1, steps: 2, back: false }, choicesOf(snapshots), (value) => {
          chosen = value;
        }),
      () => (chosen === 'new' ? askName(take) : askAct(snapshots, chosen, take)),
    ]);
    return done ? request : undefined;
  });
}

function choicesOf({ items, count }: Snapshots): Choice<Chosen>[] {
  const more = (count ?? items.length) - items.length;
  return [
    { label: '$(add) Create a snapshot…', value: 'new' },
    ...(items.length === 0 ? [] : [{ label: 'There are', kind: vscode.QuickPickItemKind.Separator }]),
    ...items.map(({ id, name, dateSeconds, vmStateSize }, value) => ({
      label: `$(device-camera) ${plain(name)}`,
      description: `ID ${plain(id)}`,
      detail: `${timeWords(dateSeconds)}${vmStateSize > 0n ? ', with the state of the machine' : ''}`,
      value,
    })),
    ...(more > 0 ? [{ label: `and ${more} more: see qcow2 snapshot`, kind: vscode.QuickPickItemKind.Separator }] : []),
  ];
}

/** Local time, as `qemu-img snapshot -l` has it. */
function timeWords(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString();
}

/** A name of the image has no icons of ours in it. */
function plain(text: string): string {
  return text.replaceAll('$(', '$\u200b(');
}

function askName(take: (request: ChangeRequest) => void): Promise<Outcome> {
  const title = 'Create Snapshot';
  const prompt = 'The name of the snapshot. It holds the disk as it is now; no state of a machine is taken.';
  return askText({ title, step: 2, steps: 2, back: true, prompt }, '', nameRefusal, (name) =>
    take({ verb: 'create-snapshot', name }),
  );
}

function nameRefusal(name: string): string | undefined {
  const bytes = Buffer.byteLength(name);
  if (name === '') {
    return 'A snapshot is found again by its name: type one.';
  }
  return bytes > longestName ? `The name has ${bytes} bytes: QEMU reads ${longestName}.` : undefined;
}

function askAct({ items }: Snapshots, index: number, take: (request: ChangeRequest) => void): Promise<Outcome> {
  const { id = '', name = '' } = items[index] ?? {};
  const acts: readonly Choice<'apply-snapshot' | 'delete-snapshot'>[] = [
    {
      label: 'Apply…',
      detail: 'The disk goes back to what it was then. The preview says what is lost.',
      value: 'apply-snapshot',
    },
    {
      label: 'Delete…',
      detail: 'What it alone holds is given up. The preview says how much.',
      value: 'delete-snapshot',
    },
  ];
  return askChoice({ title: `Snapshot ${name}`, step: 2, steps: 2, back: true }, acts, (verb) =>
    take({ verb, snapshot: { index, id } }),
  );
}
