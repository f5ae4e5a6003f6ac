import { basename } from 'node:path';
import * as vscode from 'vscode';
import { sizeRefusal } from '../worker/createThread.ts';
import { askChoice, askInTurn, askText, type Choice, type Outcome, type Question } from './ask.ts';
import { type BackingFile, lookAtBacking } from './backingFile.ts';
import { backingFormats } from './backingNames.ts';
import type { Draft } from './createChoices.ts';
import type { AskTools, Option } from './createOption.ts';
import { sizeWords } from './sizeWords.ts';

/** The backing file, its format, and the size of the disk, by default the backing file's. */
export function backingOption(draft: Draft, tools: AskTools): Option {
  const { backing } = draft;
  return {
    label: 'Backing file',
    about: 'What is not written yet is read from another image.',
    state: backing === undefined ? 'none' : `${basename(backing.path)}, ${backing.format}`,
    ask: (question) => askBacking(question, draft, tools),
  };
}

async function askBacking(question: Question, draft: Draft, tools: AskTools): Promise<void> {
  let file: BackingFile | undefined;
  let { size } = draft;
  let format = '';
  const takeFile = (chosen: BackingFile | undefined): void => {
    file = chosen;
    format = chosen === undefined ? '' : formatOf(chosen, draft);
  };
  const takeFormat = (chosen: string): void => {
    format = chosen;
    const bytes = file?.path === draft.backing?.path ? undefined : file?.sizes.get(format);
    size = bytes === undefined ? draft.size : sizeWords(bytes);
  };
  const done = await askInTurn([
    () => askFile(question, draft.backing?.path, tools, takeFile),
    () => (file === undefined ? Promise.resolve('next') : askFormat(question, file, format, takeFormat)),
    () =>
      file === undefined
        ? Promise.resolve('next')
        : askSize(question, file.sizes.get(format), size, (text) => (size = text)),
  ]);
  if (done) {
    draft.backing = file && { path: file.path, format };
    draft.size = size;
  }
}

/** The format to propose: what was chosen before, else what the file looks like. */
function formatOf(file: BackingFile, { backing }: Draft): string {
  return backing?.path === file.path ? backing.format : file.looksLike;
}

/** Asks until a file is chosen that can be a backing file, or none is wanted. `take` gets undefined for none. */
async function askFile(
  question: Question,
  current: string | undefined,
  tools: AskTools,
  take: (file: BackingFile | undefined) => void,
): Promise<Outcome> {
  for (;;) {
    let picked: Picked | undefined;
    const outcome = await askChoice(question, filesToPick(current), (value) => (picked = value));
    if (outcome !== 'next') {
      return outcome;
    }
    if (picked === 'none') {
      take(undefined);
      return 'next';
    }
    if (picked === 'trust') {
      await vscode.commands.executeCommand('workbench.trust.manage');
      continue;
    }
    const chosen = picked === 'choose' ? await chooseFile(tools.folder) : vscode.Uri.file(current ?? '');
    const file = chosen && (await lookAtBacking(chosen, tools.describe));
    if (file !== undefined) {
      take(file);
      return 'next';
    }
  }
}

type Picked = 'none' | 'current' | 'choose' | 'trust';

/** No file is opened in Restricted Mode: the way out of it stands in its place. */
function filesToPick(current: string | undefined): Choice<Picked>[] {
  const none: Choice<Picked> = {
    label: 'none',
    description: current === undefined ? 'current, default' : 'default',
    value: 'none',
  };
  if (!vscode.workspace.isTrusted) {
    return [
      none,
      {
        label: '$(shield) Manage Workspace Trust',
        detail: 'In Restricted Mode no file is opened as a backing file. Trust the folder first.',
        value: 'trust',
      },
    ];
  }
  return [
    none,
    ...(current === undefined ? [] : [{ label: current, description: 'current', value: 'current' } as const]),
    {
      label: 'Choose a file…',
      detail: 'It is opened to see its format and its size. It must not change any more.',
      value: 'choose',
    },
  ];
}

async function chooseFile(folder: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: 'Backing File',
    openLabel: 'Choose',
    filters: { 'Disk images': ['qcow2', 'qcow', 'img', 'raw', 'vmdk', 'vdi', 'vhd', 'vhdx'], 'All files': ['*'] },
    ...(folder?.scheme === 'file' ? { defaultUri: folder } : {}),
  });
  return picked?.[0];
}

/** Only what is qcow2 can be taken for it. */
function askFormat(
  question: Question,
  { sizes, looksLike }: BackingFile,
  current: string,
  take: (format: string) => void,
): Promise<Outcome> {
  const offered = backingFormats.filter((format) => format !== 'qcow2' || sizes.has(format));
  const choices = offered.map((label) => ({
    label,
    ...(label === looksLike ? { description: 'what the file looks like' } : {}),
    value: label,
  }));
  return askChoice({ ...question, prompt: 'The format of the backing file' }, choices, take, current);
}

function askSize(
  question: Question,
  backing: bigint | undefined,
  size: string,
  take: (size: string) => void,
): Promise<Outcome> {
  const known =
    backing === undefined ? 'Its format can’t be read here.' : `The backing file’s has ${sizeWords(backing)}.`;
  const prompt = `Virtual size of the new disk. ${known}`;
  return askText({ ...question, prompt }, size, sizeRefusal, take);
}
