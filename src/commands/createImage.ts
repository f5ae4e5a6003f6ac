import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { CallFailed } from '../protocol/client.ts';
import { type CreateRequest, createInThread } from '../worker/createThread.ts';
import { backingName, nameRefusal } from './backingNames.ts';
import { type Draft, forgetPassphrase, optionsOf } from './createChoices.ts';
import type { AskTools } from './createOption.ts';
import { askNewImage } from './createSteps.ts';

/**
 * "Create qcow2 (compat 1.1)" and "Create qcow2 (compat 0.10)": asks for the size, what else may be chosen and the place,
 * makes the image and opens it.
 *
 * @param thread - file of the bundle of the thread that makes images
 * @param viewType - of the editor
 * @param describe - what a file is as an image
 */
export function registerCreateImage(
  thread: string,
  viewType: string,
  describe: AskTools['describe'],
): vscode.Disposable {
  const register = (command: string, compat: '1.1' | '0.10'): vscode.Disposable =>
    vscode.commands.registerCommand(command, (folder: unknown) =>
      createImage({ thread, viewType, describe }, compat, folder instanceof vscode.Uri ? folder : undefined),
    );
  return vscode.Disposable.from(
    register('qcow2.inspector.createCompat11', '1.1'),
    register('qcow2.inspector.createCompat010', '0.10'),
  );
}

async function createImage(
  { thread, viewType, describe }: { thread: string; viewType: string; describe: AskTools['describe'] },
  compat: '1.1' | '0.10',
  clicked: vscode.Uri | undefined,
): Promise<void> {
  const folder = clicked ?? vscode.workspace.workspaceFolders?.[0]?.uri;
  const draft = await askNewImage(compat, { describe, folder });
  if (draft === undefined) {
    return;
  }
  try {
    const target = await askPlace(folder);
    if (target !== undefined && (await make(thread, target.fsPath, draft))) {
      await vscode.commands.executeCommand('vscode.openWith', target, viewType, { preview: false });
    }
  } finally {
    forgetPassphrase(draft);
  }
}

/** The place of the image; the dialog asks before a file is replaced. */
async function askPlace(folder: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const target = await vscode.window.showSaveDialog({
    title: 'Create qcow2',
    saveLabel: 'Create',
    filters: { 'qcow2 images': ['qcow2'] },
    ...(folder?.scheme === 'file' ? { defaultUri: vscode.Uri.file(join(folder.fsPath, 'disk.qcow2')) } : {}),
  });
  if (target !== undefined && target.scheme !== 'file') {
    void vscode.window.showErrorMessage('Images are made on a disk of this machine. Choose a folder there.');
    return undefined;
  }
  return target;
}

/** Whether the image was made; the user is told why it was not. */
async function make(thread: string, path: string, draft: Draft): Promise<boolean> {
  const refusal = draft.backing && nameRefusal(backingName(path, draft.backing.path));
  try {
    if (refusal !== undefined) {
      throw new CallFailed({ code: 'bad-argument', message: `The backing file can’t be named. ${refusal}` });
    }
    const { passphrase } = draft;
    const request = { path, options: optionsOf(draft, path), ...(passphrase && { passphrase }) };
    // The thread takes it.
    draft.passphrase = undefined;
    await makeWithProgress(thread, request);
    return true;
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      throw error;
    }
    if (error.code !== 'cancelled') {
      void vscode.window.showErrorMessage(`The image was not made, and no file was left. ${error.message}`);
    }
    return false;
  }
}

async function makeWithProgress(thread: string, request: CreateRequest): Promise<void> {
  const abort = new AbortController();
  const notification = {
    location: vscode.ProgressLocation.Notification,
    title: `Creating ${basename(request.path)}`,
    cancellable: true,
  };
  await vscode.window.withProgress(notification, async (progress, token) => {
    token.onCancellationRequested(() => abort.abort());
    if (request.passphrase !== undefined) {
      progress.report({ message: 'making the keys' });
    }
    await createInThread(thread, request, abort.signal, (done, total) => {
      progress.report({ message: `${Math.floor((100 * done) / Math.max(1, total))} %` });
    });
  });
}
