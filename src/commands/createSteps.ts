import * as vscode from 'vscode';
import { type NewImageOptions, refusalOf, sizeOf } from '../worker/createThread.ts';
import { askChoice, askInTurn, askText, type Choice as Item, type Outcome, type Question } from './ask.ts';
import { type Choice, type Chosen, choices, optionsOf } from './createChoices.ts';

/** Asks for the size, then shows what else may be chosen. Undefined when the user gives up. */
export async function askNewImage(compat: '1.1' | '0.10'): Promise<NewImageOptions | undefined> {
  const title = `Create qcow2 (compat ${compat})`;
  const chosen: Chosen = new Map();
  let size = '10G';
  let options: NewImageOptions | undefined;
  const done = await askInTurn([
    () =>
      askText(
        {
          ...{ title, step: 1, steps: 2, back: false },
          prompt: 'Virtual size of the disk, such as 10G or 1.5T. It is rounded up to 512 bytes.',
        },
        size,
        sizeRefusal,
        (text) => {
          size = text;
        },
      ),
    () =>
      askOptions({ title, step: 2, steps: 2, back: true }, compat, size, chosen, (made) => {
        options = made;
      }),
  ]);
  return done ? options : undefined;
}

function sizeRefusal(text: string): string | undefined {
  const size = sizeOf(text);
  return typeof size === 'string' ? size : undefined;
}

/** Shows the options with what they are set to, until the user creates the image, goes back or gives up. */
async function askOptions(
  question: Question,
  compat: '1.1' | '0.10',
  size: string,
  chosen: Chosen,
  take: (options: NewImageOptions) => void,
): Promise<Outcome> {
  for (;;) {
    // The text was checked.
    const options = optionsOf(compat, BigInt(sizeOf(size)), chosen);
    const refusal = refusalOf(options);
    let picked: Choice | 'create' | undefined;
    const outcome = await askChoice(question, items(compat, chosen, refusal), (value) => {
      picked = value;
    });
    if (outcome !== 'next') {
      return outcome;
    }
    if (picked === 'create') {
      if (refusal === undefined) {
        take(options);
        return 'next';
      }
    } else if (picked !== undefined) {
      await change(question, picked, chosen);
    }
  }
}

function items(compat: '1.1' | '0.10', chosen: Chosen, refusal: string | undefined): Item<Choice | 'create'>[] {
  return [
    refusal === undefined
      ? { label: '$(new-file) Create', description: 'choose where', value: 'create' }
      : { label: '$(error) This can’t be created', detail: refusal, value: 'create' },
    { label: 'Options', kind: vscode.QuickPickItemKind.Separator },
    ...choices(compat).map((choice) => ({
      label: choice.label,
      description: chosen.get(choice.name) ?? choice.standard,
      detail: choice.about,
      value: choice,
    })),
  ];
}

/** Lets the user set one option; Back and Escape leave it as it was. */
async function change(question: Question, choice: Choice, chosen: Chosen): Promise<void> {
  const current = chosen.get(choice.name) ?? choice.standard;
  await askChoice(
    { ...question, title: `${question.title}: ${choice.label}` },
    choice.values.map((label) => ({ label, description: words(label, current, choice.standard), value: label })),
    (value) => chosen.set(choice.name, value),
    current,
  );
}

function words(value: string, current: string, standard: string): string {
  return [value === current ? 'current' : '', value === standard ? 'default' : '']
    .filter((word) => word !== '')
    .join(', ');
}
