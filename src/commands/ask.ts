import * as vscode from 'vscode';

/** What a question shows besides what it asks. */
export interface Question {
  readonly title: string;
  /** Which question it is, of how many. */
  readonly step: number;
  readonly steps: number;
  /** Whether there is a question before it to go back to. */
  readonly back: boolean;
  /** What is asked, in words. */
  readonly prompt?: string;
  /** What a text means, in words, while it is typed; asked only of one that can be. */
  readonly says?: (text: string) => string;
  /** What is typed is not shown. */
  readonly password?: boolean;
}

/** `next` once it is answered, `back` to the question before, undefined when the user gives up. */
export type Outcome = 'next' | 'back' | undefined;

/** Something to choose. */
export interface Choice<T> extends vscode.QuickPickItem {
  /** What it means; a separator means nothing. */
  readonly value?: T;
}

/** Asks one question after the other, back and forth. Whether all were answered; going back from the first gives up. */
export async function askInTurn(questions: readonly (() => Promise<Outcome>)[]): Promise<boolean> {
  for (let at = 0; at < questions.length; ) {
    const outcome = await questions[at]?.();
    if (outcome === undefined || (outcome === 'back' && at === 0)) {
      return false;
    }
    at += outcome === 'next' ? 1 : -1;
  }
  return true;
}

/**
 * Asks for a text, which is checked while it is typed.
 *
 * @param value - what is there to begin with
 * @param refusalOf - why a text can't be, in words; undefined where it can
 * @param take - is given the text that was accepted
 */
export function askText(
  question: Question,
  value: string,
  refusalOf: (text: string) => string | undefined,
  take: (text: string) => void,
): Promise<Outcome> {
  const input = vscode.window.createInputBox();
  lookLike(input, question);
  input.value = value;
  input.prompt = question.prompt;
  input.password = question.password ?? false;
  const check = (): boolean => {
    const refusal = refusalOf(input.value);
    input.validationMessage = refusal ?? meaning(question, input.value);
    return refusal === undefined;
  };
  input.onDidChangeValue(check);
  return settled(input, (finish) => {
    input.onDidAccept(() => {
      if (check()) {
        take(input.value);
        finish('next');
      }
    });
  });
}

/** What a text means, as a message that keeps nobody from accepting it. */
function meaning({ says }: Question, text: string): vscode.InputBoxValidationMessage | undefined {
  return says && { message: says(text), severity: vscode.InputBoxValidationSeverity.Info };
}

/** Has one of some choices be made; `current` is the one to begin with. */
export function askChoice<T>(
  question: Question,
  choices: readonly Choice<T>[],
  take: (value: T) => void,
  current?: T,
): Promise<Outcome> {
  const list = vscode.window.createQuickPick<Choice<T>>();
  lookLike(list, question);
  list.placeholder = question.prompt;
  list.matchOnDescription = true;
  list.items = choices;
  const active = choices.filter(({ value }) => value !== undefined && value === current);
  // With none active, Enter would do nothing.
  if (active.length > 0) {
    list.activeItems = active;
  }
  return settled(list, (finish) => {
    list.onDidAccept(() => {
      const value = list.selectedItems[0]?.value;
      if (value !== undefined) {
        take(value);
        finish('next');
      }
    });
  });
}

function lookLike(input: vscode.QuickPick<vscode.QuickPickItem> | vscode.InputBox, question: Question): void {
  const { title, step, steps, back } = question;
  Object.assign(input, { title, ignoreFocusOut: true, ...(steps > 1 ? { step, totalSteps: steps } : {}) });
  input.buttons = back ? [vscode.QuickInputButtons.Back] : [];
}

/** Shows an input until it is answered, left by its back button, or given up. */
function settled(
  input: vscode.QuickPick<vscode.QuickPickItem> | vscode.InputBox,
  listen: (finish: (outcome: Outcome) => void) => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const finish = (outcome: Outcome): void => {
      resolve(outcome);
      input.dispose();
    };
    input.onDidTriggerButton(() => finish('back'));
    input.onDidHide(() => finish(undefined));
    listen(finish);
    input.show();
  });
}
