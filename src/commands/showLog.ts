import * as vscode from 'vscode';

/** "Show Log": the output channel of the extension. */
export function registerShowLog(log: vscode.LogOutputChannel): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.showLog', () => log.show());
}
