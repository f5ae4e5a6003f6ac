import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { askChoice, askInTurn, type Choice, type Outcome, type Question } from './ask.ts';
import type { Draft } from './createChoices.ts';
import type { Option } from './createOption.ts';

/**
 * An external data file, and whether it alone is a valid raw image.
 *
 * @param folder - in which the dialog begins
 */
export function dataFileOption(draft: Draft, folder: vscode.Uri | undefined): Option {
  const { dataFile } = draft;
  return {
    label: 'External data file',
    about: 'The guest’s data is in a file of its own. The image has the tables only.',
    state: dataFile === undefined ? 'none' : `${basename(dataFile.path)}${dataFile.raw ? ', raw' : ''}`,
    ask: (question) => askDataFile(question, draft, folder),
  };
}

async function askDataFile(question: Question, draft: Draft, folder: vscode.Uri | undefined): Promise<void> {
  let path = draft.dataFile?.path;
  let raw = draft.dataFile?.raw ?? false;
  const done = await askInTurn([
    () => askPath(question, path, folder, (chosen) => (path = chosen)),
    () => (path === undefined ? Promise.resolve('next') : askRaw(question, raw, (chosen) => (raw = chosen))),
  ]);
  if (done) {
    draft.dataFile = path === undefined ? undefined : { path, raw };
  }
}

/** Asks for the place until one is chosen, or none wanted. `take` gets undefined for none. */
async function askPath(
  question: Question,
  current: string | undefined,
  folder: vscode.Uri | undefined,
  take: (path: string | undefined) => void,
): Promise<Outcome> {
  for (;;) {
    let picked: 'none' | 'current' | 'choose' | undefined;
    const outcome = await askChoice(question, places(current), (value) => (picked = value));
    if (outcome !== 'next') {
      return outcome;
    }
    const path = picked === 'choose' ? await chooseDataFile(folder) : picked === 'current' ? current : undefined;
    if (path !== undefined || picked === 'none') {
      take(path);
      return 'next';
    }
  }
}

function places(current: string | undefined): Choice<'none' | 'current' | 'choose'>[] {
  return [
    { label: 'none', description: current === undefined ? 'current, default' : 'default', value: 'none' },
    ...(current === undefined ? [] : [{ label: current, description: 'current', value: 'current' } as const]),
    {
      label: 'Choose a place…',
      detail: 'It is made with the image, which names it by its whole path.',
      value: 'choose',
    },
  ];
}

/** The dialog asks before a file is replaced. */
async function chooseDataFile(folder: vscode.Uri | undefined): Promise<string | undefined> {
  const place = await vscode.window.showSaveDialog({
    title: 'External Data File',
    saveLabel: 'Choose',
    ...(folder?.scheme === 'file' ? { defaultUri: vscode.Uri.file(join(folder.fsPath, 'disk.data')) } : {}),
  });
  if (place !== undefined && place.scheme !== 'file') {
    void vscode.window.showErrorMessage('Images are made on a disk of this machine. Choose a folder there.');
    return undefined;
  }
  return place?.fsPath;
}

function askRaw(question: Question, current: boolean, take: (raw: boolean) => void): Promise<Outcome> {
  const choices = [
    {
      label: 'Read through the image only',
      description: current ? 'default' : 'current, default',
      detail: 'data_file_raw=off: the image says which clusters are zeros, or in the backing file.',
      value: false,
    },
    {
      label: 'A valid raw image',
      ...(current ? { description: 'current' } : {}),
      detail: 'data_file_raw=on: it can be used without the image. No backing file then.',
      value: true,
    },
  ];
  return askChoice({ ...question, prompt: 'What the data file is to be' }, choices, take, current);
}
