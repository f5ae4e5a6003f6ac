import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { CallFailed } from '../protocol/client.ts';
import { createInThread, type NewImageOptions } from '../worker/createThread.ts';
import { askNewImage } from './createSteps.ts';

/**
 * "Create qcow2 (compat 1.1)" and "Create qcow2 (compat 0.10)": asks for the size, what else may be chosen and the place,
 * makes the image and opens it.
 *
 * @param thread - file of the bundle of the thread that makes images
 * @param viewType - of the editor
 */
export function registerCreateImage(thread: string, viewType: string): vscode.Disposable {
  const register = (command: string, compat: '1.1' | '0.10'): vscode.Disposable =>
    vscode.commands.registerCommand(command, (folder: unknown) =>
      createImage(thread, viewType, compat, folder instanceof vscode.Uri ? folder : undefined),
    );
  return vscode.Disposable.from(
    register('qcow2.inspector.createCompat11', '1.1'),
    register('qcow2.inspector.createCompat010', '0.10'),
  );
}

async function createImage(
  thread: string,
  viewType: string,
  compat: '1.1' | '0.10',
  folder: vscode.Uri | undefined,
): Promise<void> {
  const options = await askNewImage(compat);
  const target = options && (await askPlace(folder));
  if (options === undefined || target === undefined) {
    return;
  }
  try {
    await make(thread, target.fsPath, options);
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      throw error;
    }
    if (error.code !== 'cancelled') {
      void vscode.window.showErrorMessage(`The image was not made, and no file was left. ${error.message}`);
    }
    return;
  }
  await vscode.commands.executeCommand('vscode.openWith', target, viewType, { preview: false });
}

/** The place of the image; the dialog asks before a file is replaced. */
async function askPlace(folder: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const start = folder ?? vscode.workspace.workspaceFolders?.[0]?.uri;
  const target = await vscode.window.showSaveDialog({
    title: 'Create qcow2',
    saveLabel: 'Create',
    filters: { 'qcow2 images': ['qcow2'] },
    ...(start?.scheme === 'file' ? { defaultUri: vscode.Uri.file(join(start.fsPath, 'disk.qcow2')) } : {}),
  });
  if (target !== undefined && target.scheme !== 'file') {
    void vscode.window.showErrorMessage('Images are made on a disk of this machine. Choose a folder there.');
    return undefined;
  }
  return target;
}

async function make(thread: string, path: string, options: NewImageOptions): Promise<void> {
  const abort = new AbortController();
  const notification = {
    location: vscode.ProgressLocation.Notification,
    title: `Creating ${basename(path)}`,
    cancellable: true,
  };
  await vscode.window.withProgress(notification, async (progress, token) => {
    token.onCancellationRequested(() => abort.abort());
    await createInThread(thread, { path, options }, abort.signal, (done, total) => {
      progress.report({ message: `${Math.floor((100 * done) / Math.max(1, total))} %` });
    });
  });
}
