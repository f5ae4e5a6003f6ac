import * as vscode from 'vscode';
import type { Editor } from '../editor/register.ts';

/** "Check Image": checks the whole image that was clicked, else the one in the active tab, and shows its pane Check. */
export function registerCheck(active: () => vscode.Uri | undefined, editor: Pick<Editor, 'check'>): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.check', async (clicked: unknown) => {
    const image = clicked instanceof vscode.Uri ? clicked : active();
    if (image === undefined) {
      await vscode.window.showInformationMessage('Open an image in Qcow2 Inspector first; then it can be checked.');
      return;
    }
    await editor.check(image);
  });
}
