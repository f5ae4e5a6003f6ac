import * as vscode from 'vscode';

/**
 * "Previous Selection": selects what was selected before.
 *
 * @param run - passes the command to the page in the active tab
 */
export function registerBack(run: () => void): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.back', run);
}
