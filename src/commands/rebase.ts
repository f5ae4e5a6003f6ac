import type * as vscode from 'vscode';
import { askChoice, askInTurn, askText } from './ask.ts';
import { backingFormats, nameRefusal } from './backingNames.ts';
import { type ChangeTools, registerChange } from './changeTarget.ts';

/** "Rebase…": gives the image another backing file by name. No data is copied. */
export function registerRebase(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.rebase', tools, async (describe) => {
    const { backing } = await describe();
    const title = 'Rebase (names only)';
    let name = backing?.name ?? '';
    let format = backing?.format ?? 'qcow2';
    const prompt =
      'The backing file as the image is to name it: a path, relative to the image’s folder. Empty: no backing file.';
    const done = await askInTurn([
      () =>
        askText({ title, step: 1, steps: 2, back: false, prompt }, name, nameRefusal, (text) => {
          name = text;
        }),
      () => (name === '' ? Promise.resolve('next') : askFormat(title, format, (chosen) => (format = chosen))),
    ]);
    return done ? { verb: 'rebase', ...(name === '' ? {} : { backing: { name, format } }) } : undefined;
  });
}

function askFormat(title: string, current: string, take: (format: string) => void) {
  const known = backingFormats.includes(current) ? backingFormats : [current, ...backingFormats];
  return askChoice(
    { title, step: 2, steps: 2, back: true, prompt: 'The format of the backing file. It is not looked at.' },
    known.map((label) => ({ label, value: label, ...(label === current ? { description: 'current' } : {}) })),
    take,
    current,
  );
}
