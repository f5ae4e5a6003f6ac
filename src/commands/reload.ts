import * as vscode from 'vscode';

/**
 * "Reload Image": reads the image in the active tab again.
 *
 * @param viewType - of the editor
 * @param reload - reads an image again, in all its editors
 */
export function registerReload(viewType: string, reload: (uri: vscode.Uri) => void): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.reload', async (clicked?: vscode.Uri) => {
    const uri = clicked ?? activeImage(viewType);
    if (uri === undefined) {
      await vscode.window.showInformationMessage('Open an image in Qcow2 Inspector first; then it can be reloaded.');
    } else {
      reload(uri);
    }
  });
}

function activeImage(viewType: string): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputCustom && input.viewType === viewType ? input.uri : undefined;
}
