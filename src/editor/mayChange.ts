import * as vscode from 'vscode';

/** Whether an image may be changed from here; if not, the user is told why and what to do. */
export async function mayChange(uri: vscode.Uri): Promise<boolean> {
  if (uri.scheme !== 'file') {
    await vscode.window.showErrorMessage(
      `${uri.toString(true)} is in a virtual file system: it is shown, and can’t be changed there. Copy the image to a disk of this machine first.`,
    );
    return false;
  }
  if (!vscode.workspace.isTrusted) {
    await offerTrust('In Restricted Mode no image is changed. Trust the folder first.');
    return false;
  }
  return true;
}

/** Says why something is not done in Restricted Mode, with the way out of it. */
export async function offerTrust(words: string): Promise<void> {
  const manage = 'Manage Workspace Trust';
  if ((await vscode.window.showWarningMessage(words, manage)) === manage) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
}
