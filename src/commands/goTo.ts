import * as vscode from 'vscode';

/**
 * "Go to…": asks the page for an offset, a cluster, an entry or a name, and selects it.
 *
 * @param run - passes the command to the page in the active tab
 */
export function registerGoTo(run: () => void): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.goTo', run);
}
