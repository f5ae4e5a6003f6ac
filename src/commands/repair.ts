import * as vscode from 'vscode';
import type { Editor } from '../editor/register.ts';
import type { RepairSelection } from '../protocol/changeApi.ts';
import { findingWords } from '../worker/findingWords.ts';
import { type ChangeTools, registerChange } from './changeTarget.ts';

/** What can be chosen: all, or the findings of one code. */
interface Choice extends vscode.QuickPickItem {
  readonly select: RepairSelection;
}

/** "Repair…": checks the image, asks what of that is to be repaired, and shows what that would do. */
export function registerRepair(tools: ChangeTools & { editor: Pick<Editor, 'checkResult'> }): vscode.Disposable {
  return registerChange('qcow2.inspector.repair', tools, async (describe, uri) => {
    const { noRepair } = await describe();
    if (noRepair !== undefined) {
      await vscode.window.showInformationMessage(`${uri.fsPath} is not repaired. ${noRepair}`);
      return undefined;
    }
    const summary = await tools.editor.checkResult(uri);
    if (summary === undefined) {
      return undefined;
    }
    const choices = summary.groups.flatMap(({ code, first, count, listed }): Choice[] => {
      const words = findingWords(first, summary.texts);
      return words === undefined || words.severity === 'note'
        ? []
        : [
            {
              label: words.title,
              description: `${words.severity} · ${code} · ${count}`,
              detail: listed === undefined ? words.detail : `${words.detail} (${listed} of them are listed)`,
              select: { codes: [code] },
            },
          ];
    });
    if (choices.length === 0) {
      await vscode.window.showInformationMessage(
        `${uri.fsPath}: no errors were found, and there is nothing to repair.`,
      );
      return undefined;
    }
    const all: Choice = {
      label: 'All that can be repaired without losing data',
      description: `${choices.length} ${choices.length === 1 ? 'kind' : 'kinds'} of findings`,
      select: 'all',
    };
    const chosen = await vscode.window.showQuickPick([all, ...choices], {
      title: 'Repair',
      ignoreFocusOut: true,
      placeHolder: 'What is to be repaired? A preview shows what it would do.',
      matchOnDescription: true,
    });
    return chosen && { verb: 'repair', select: chosen.select };
  });
}
