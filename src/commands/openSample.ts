import * as vscode from 'vscode';

/**
 * "Open Sample Image": a small image with something of everything, which comes with the extension.
 *
 * @param media - the folder of the walkthrough
 * @param viewType - of the editor
 */
export function registerOpenSample(media: vscode.Uri, viewType: string): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.openSample', async () => {
    const sample = vscode.Uri.joinPath(media, 'sample.qcow2');
    await vscode.commands.executeCommand('vscode.openWith', sample, viewType, { preview: false });
  });
}
