import * as vscode from 'vscode';

/**
 * "Show as JSON": what `qcow2 dump --output=json` prints of the image in the active tab, or of the file that was
 * clicked, as a read-only document.
 *
 * @param active - the image in the active tab
 * @param show - shows an image as JSON
 */
export function registerShowJson(
  active: () => vscode.Uri | undefined,
  show: (image: vscode.Uri) => Promise<void>,
): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.showJson', async (clicked?: vscode.Uri) => {
    const image = clicked ?? active();
    if (image === undefined) {
      await vscode.window.showInformationMessage(
        'Open an image in Qcow2 Inspector first; then it can be shown as JSON.',
      );
      return;
    }
    try {
      await show(image);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      await vscode.window.showErrorMessage(`${image.fsPath} can’t be shown as JSON: ${why}`);
    }
  });
}
