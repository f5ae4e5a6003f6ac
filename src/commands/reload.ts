import * as vscode from 'vscode';

/**
 * "Reload Image": reads the image in the active tab again.
 *
 * @param active - the image in the active tab
 * @param reload - reads an image again, in all its editors
 */
export function registerReload(
  active: () => vscode.Uri | undefined,
  reload: (uri: vscode.Uri) => void,
): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.reload', async (clicked?: vscode.Uri) => {
    const uri = clicked ?? active();
    if (uri === undefined) {
      await vscode.window.showInformationMessage('Open an image in Qcow2 Inspector first; then it can be reloaded.');
    } else {
      reload(uri);
    }
  });
}
