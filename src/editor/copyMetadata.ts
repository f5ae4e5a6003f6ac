import { basename, dirname, join, parse } from 'node:path';
import * as vscode from 'vscode';
import { CallFailed } from '../protocol/client.ts';
import type { CopyMetadataRequest } from '../protocol/metadataApi.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { withProgress } from './progress.ts';
import { callThread } from './threadCall.ts';

/** Copies the metadata of an image to a file that the user is asked for: with progress, and says what was left out. */
export async function copyMetadata(
  threads: ImageThreads,
  uri: vscode.Uri,
  choice: Omit<CopyMetadataRequest, 'path'>,
): Promise<void> {
  const target = await vscode.window.showSaveDialog({
    title: 'Export Metadata-Only Copy',
    saveLabel: 'Export',
    defaultUri: vscode.Uri.file(join(dirname(uri.fsPath), `${parse(uri.fsPath).name}.metadata.qcow2`)),
    filters: { 'Disk images': ['qcow2'], 'All files': ['*'] },
  });
  if (target === undefined) {
    return;
  }
  if (target.scheme !== 'file') {
    void vscode.window.showErrorMessage('A copy is saved to a file on a disk of this machine. Choose a folder there.');
    return;
  }
  try {
    const lines = await withProgress(`Copying the metadata of ${basename(uri.fsPath)}`, (options) =>
      callThread(threads, uri.fsPath, 'copyMetadata', { ...choice, path: target.fsPath }, options),
    );
    if (lines !== undefined) {
      await tell(target, lines);
    }
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      throw error;
    }
    void vscode.window.showErrorMessage(`The copy was not made, and no file was left. ${error.message}`);
  }
}

async function tell(target: vscode.Uri, lines: readonly string[]): Promise<void> {
  const show = 'Show What Is Left Out';
  const told = `${basename(target.fsPath)} has the metadata and no guest data.`;
  if ((await vscode.window.showInformationMessage(told, show)) === show) {
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: lines.join('\n') }));
  }
}
