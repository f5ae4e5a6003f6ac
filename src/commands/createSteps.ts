import * as vscode from 'vscode';
import { refusalOf, sizeRefusal } from '../worker/createThread.ts';
import { askChoice, askInTurn, askText, type Choice as Item, type Outcome, type Question } from './ask.ts';
import { backingOption } from './createBacking.ts';
import { type Choice, choices, type Draft, forgetPassphrase, optionsOf } from './createChoices.ts';
import { dataFileOption } from './createDataFile.ts';
import { encryptionOption } from './createEncryption.ts';
import type { AskTools, Option } from './createOption.ts';

/** Asks for the size, then shows what else may be chosen. Undefined when the user gives up. */
export async function askNewImage(compat: '1.1' | '0.10', tools: AskTools): Promise<Draft | undefined> {
  const title = `Create qcow2 (compat ${compat})`;
  const draft: Draft = { compat, size: '10G', chosen: new Map() };
  const done = await askInTurn([
    () => askSize({ title, step: 1, steps: 2, back: false }, draft.size, (size) => (draft.size = size)),
    () => askOptions({ title, step: 2, steps: 2, back: true }, draft, tools),
  ]);
  if (!done) {
    forgetPassphrase(draft);
    return undefined;
  }
  return draft;
}

function askSize(question: Question, size: string, take: (size: string) => void): Promise<Outcome> {
  const prompt = 'Virtual size of the disk, such as 10G or 1.5T. It is rounded up to 512 bytes.';
  return askText({ ...question, prompt }, size, sizeRefusal, take);
}

/** Shows the options with what they are set to, until the user creates the image, goes back or gives up. */
async function askOptions(question: Question, draft: Draft, tools: AskTools): Promise<Outcome> {
  for (;;) {
    const refusal = refusalOf(optionsOf(draft));
    let picked: Option | 'create' | undefined;
    const outcome = await askChoice(question, items(optionsIn(draft, tools), refusal), (value) => {
      picked = value;
    });
    if (outcome !== 'next') {
      return outcome;
    }
    if (picked === 'create') {
      if (refusal === undefined) {
        return 'next';
      }
    } else {
      await picked?.ask({ ...question, title: `${question.title}: ${picked.label}` });
    }
  }
}

function optionsIn(draft: Draft, tools: AskTools): Option[] {
  return [
    backingOption(draft, tools),
    ...(draft.compat === '1.1' ? [dataFileOption(draft, tools.folder)] : []),
    encryptionOption(draft),
    ...choices(draft.compat).map((choice) => simpleOption(draft, choice)),
  ];
}

function items(options: readonly Option[], refusal: string | undefined): Item<Option | 'create'>[] {
  return [
    refusal === undefined
      ? { label: '$(new-file) Create', description: 'choose where', value: 'create' }
      : { label: '$(error) This can’t be created', detail: refusal, value: 'create' },
    { label: 'Options', kind: vscode.QuickPickItemKind.Separator },
    ...options.map((option) => ({
      label: option.label,
      description: option.state,
      detail: option.about,
      value: option,
    })),
  ];
}

/** One of some values. */
function simpleOption({ chosen }: Draft, { name, label, about, values, standard }: Choice): Option {
  const current = chosen.get(name) ?? standard;
  return {
    label,
    about,
    state: current,
    ask: (question) =>
      askChoice(
        question,
        values.map((value) => ({ label: value, description: words(value, current, standard), value })),
        (value) => chosen.set(name, value),
        current,
      ),
  };
}

function words(value: string, current: string, standard: string): string {
  return [value === current ? 'current' : '', value === standard ? 'default' : '']
    .filter((word) => word !== '')
    .join(', ');
}
