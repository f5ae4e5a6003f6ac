import * as vscode from 'vscode';
import type { Editor } from '../editor/register.ts';

/** Shows a finding of the panel Problems in the pane Check: what its link runs. In no menu. */
export function registerShowFinding(editor: Pick<Editor, 'showFinding'>): vscode.Disposable {
  return vscode.commands.registerCommand(
    'qcow2.inspector.showFinding',
    async (image: unknown, code: unknown, index: unknown) => {
      if (typeof image === 'string' && typeof code === 'string' && typeof index === 'number') {
        await editor.showFinding(vscode.Uri.parse(image, true), code, index);
      }
    },
  );
}
