import * as vscode from 'vscode';
import { type NewImageOptions, refusalOf, sizeOf } from '../worker/createThread.ts';
import { type Choice, type Chosen, choices, optionsOf } from './createChoices.ts';

/** Asks for the size, then shows what else may be chosen. Undefined when the user gives up. */
export async function askNewImage(compat: '1.1' | '0.10'): Promise<NewImageOptions | undefined> {
  const title = `Create qcow2 (compat ${compat})`;
  const chosen: Chosen = new Map();
  for (let size = '10G'; ; ) {
    const entered = await askSize(title, size);
    if (entered === undefined) {
      return undefined;
    }
    size = entered;
    const bytes = sizeOf(size);
    const done = typeof bytes === 'bigint' ? await askOptions(title, compat, bytes, chosen) : 'back';
    if (done !== 'back') {
      return done;
    }
  }
}

/** The size as entered, checked while it is typed. */
function askSize(title: string, value: string): Promise<string | undefined> {
  const input = vscode.window.createInputBox();
  Object.assign(input, { title, step: 1, totalSteps: 2, value, ignoreFocusOut: true });
  input.prompt = 'Virtual size of the disk, such as 10G or 1.5T. It is rounded up to 512 bytes.';
  const check = (): boolean => {
    const size = sizeOf(input.value);
    input.validationMessage = typeof size === 'string' ? size : undefined;
    return typeof size === 'bigint';
  };
  input.onDidChangeValue(check);
  return new Promise((resolve) => {
    input.onDidAccept(() => {
      if (check()) {
        resolve(input.value);
        input.dispose();
      }
    });
    input.onDidHide(() => resolve(undefined));
    input.show();
  });
}

interface Item extends vscode.QuickPickItem {
  readonly choice?: Choice;
}

/** Shows the options with what they are set to, until the user creates the image, goes back or gives up. */
async function askOptions(
  title: string,
  compat: '1.1' | '0.10',
  size: bigint,
  chosen: Chosen,
): Promise<NewImageOptions | 'back' | undefined> {
  for (;;) {
    const options = optionsOf(compat, size, chosen);
    const refusal = refusalOf(options);
    const picked = await pick(title, [
      refusal === undefined
        ? { label: '$(new-file) Create', description: 'choose where' }
        : { label: '$(error) This can’t be created', detail: refusal },
      { label: 'Options', kind: vscode.QuickPickItemKind.Separator },
      ...choices(compat).map((choice) => ({
        label: choice.label,
        description: chosen.get(choice.name) ?? choice.standard,
        detail: choice.about,
        choice,
      })),
    ]);
    if (picked === undefined || picked === 'back') {
      return picked;
    }
    if (picked.choice === undefined) {
      if (refusal === undefined) {
        return options;
      }
    } else {
      await change(title, picked.choice, chosen);
    }
  }
}

/** Lets the user set one option; Back and Escape leave it as it was. */
async function change(title: string, choice: Choice, chosen: Chosen): Promise<void> {
  const current = chosen.get(choice.name) ?? choice.standard;
  const picked = await pick(
    `${title}: ${choice.label}`,
    choice.values.map((label) => ({
      label,
      description: [label === current ? 'current' : '', label === choice.standard ? 'default' : '']
        .filter((word) => word !== '')
        .join(', '),
    })),
  );
  if (picked !== undefined && picked !== 'back') {
    chosen.set(choice.name, picked.label);
  }
}

function pick(title: string, items: readonly Item[]): Promise<Item | 'back' | undefined> {
  const list = vscode.window.createQuickPick<Item>();
  Object.assign(list, { title, step: 2, totalSteps: 2, items, ignoreFocusOut: true });
  list.buttons = [vscode.QuickInputButtons.Back];
  return new Promise((resolve) => {
    const finish = (result: Item | 'back' | undefined): void => {
      resolve(result);
      list.dispose();
    };
    list.onDidTriggerButton(() => finish('back'));
    list.onDidAccept(() => finish(list.selectedItems[0]));
    list.onDidHide(() => finish(undefined));
    list.show();
  });
}
