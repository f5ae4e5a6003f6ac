import * as vscode from 'vscode';

/**
 * "Next Selection": selects again what was selected before going back.
 *
 * @param run - passes the command to the page in the active tab
 */
export function registerForward(run: () => void): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.forward', run);
}
