import { basename, dirname, join, parse } from 'node:path';
import * as vscode from 'vscode';
import type { SaveDiskRequest, SavedDisk } from '../protocol/salvageApi.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { withProgress } from './progress.ts';
import { callThread } from './threadCall.ts';

/**
 * Saves the guest's disk of an image to a raw file that the user is asked for: with progress, and until it is cancelled.
 * The thread of the image writes the file.
 *
 * @param snapshot - undefined for the disk as it is now
 */
export async function saveGuestDisk(
  threads: ImageThreads,
  uri: vscode.Uri,
  snapshot: SaveDiskRequest['snapshot'],
): Promise<void> {
  const target = await vscode.window.showSaveDialog({
    title: 'Save Guest Disk',
    saveLabel: 'Save Guest Disk',
    defaultUri: vscode.Uri.file(join(dirname(uri.fsPath), `${parse(uri.fsPath).name}.raw`)),
    filters: { 'Raw disks': ['raw', 'img'], 'All files': ['*'] },
  });
  if (target === undefined) {
    return;
  }
  if (target.scheme !== 'file') {
    void vscode.window.showErrorMessage('A disk is saved to a file on a disk of this machine. Choose a folder there.');
    return;
  }
  const title = `Saving ${basename(target.fsPath)}`;
  const request = { path: target.fsPath, ...(snapshot === undefined ? {} : { snapshot }) };
  try {
    const saved = await withProgress(title, (options) =>
      callThread(threads, uri.fsPath, 'saveGuestDisk', request, options),
    );
    if (saved === undefined) {
      void vscode.window.showInformationMessage(
        `Stopped. What was saved so far is in ${target.fsPath}: save to the same file again to go on from there.`,
      );
      return;
    }
    await tellSaved(target, saved);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(`The disk was not saved as a whole. ${why}`);
  }
}

async function tellSaved(target: vscode.Uri, saved: SavedDisk): Promise<void> {
  const { size, earlier, data, zeros, missing, missingRanges, list } = saved;
  const before = earlier > 0 ? `, ${earlier} saved before` : '';
  const counts = `${size} bytes saved to ${target.fsPath}: ${data} of data, ${zeros} of zeros${before}`;
  if (missing === 0) {
    const reveal = 'Reveal in File Explorer';
    if ((await vscode.window.showInformationMessage(`${counts}. Nothing is missing.`, reveal)) === reveal) {
      await vscode.commands.executeCommand('revealFileInOS', target);
    }
    return;
  }
  const show = 'Show Missing Ranges';
  const ranges = missingRanges === 1 ? '1 range' : `${missingRanges} ranges`;
  const told = `${counts}. ${missing} bytes in ${ranges} are missing, and were left out.`;
  if ((await vscode.window.showWarningMessage(told, show)) === show) {
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(list));
  }
}
