import type * as vscode from 'vscode';
import type { Question } from './ask.ts';
import type { Description } from './changeTarget.ts';

/** Something about a new image that may be chosen, in one question or several. */
export interface Option {
  readonly label: string;
  readonly about: string;
  /** What it is set to now, in words. */
  readonly state: string;
  /** Lets the user set it; who goes back or gives up leaves it as it was. */
  readonly ask: (question: Question) => Promise<unknown>;
}

/** What asking for a new image needs besides the user. */
export interface AskTools {
  /** What a file is as an image. Throws `CallFailed`. */
  readonly describe: (file: vscode.Uri) => Promise<Description>;
  /** The folder in which dialogs begin. */
  readonly folder: vscode.Uri | undefined;
}
