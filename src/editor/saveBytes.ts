import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { CallFailed } from '../protocol/client.ts';
import { decode } from '../protocol/codec.ts';
import type { SaveRequest, SaveResult } from '../protocol/hexApi.ts';
import type { RangeRequest } from '../protocol/mapApi.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { callThread } from './threadCall.ts';

/**
 * Saves bytes of an image to a file that the user is asked for: with progress, and until it is cancelled. The thread of
 * the image writes the file.
 *
 * @param path - what the image's thread is known by
 * @param body - a `RangeRequest` as the page has encoded it
 */
export async function saveBytes(threads: ImageThreads, uri: vscode.Uri, path: string, body: string): Promise<void> {
  const range = rangeOf(body);
  if (range === undefined) {
    return;
  }
  const target = await vscode.window.showSaveDialog({
    title: 'Save Bytes',
    saveLabel: 'Save Bytes',
    defaultUri: vscode.Uri.file(suggested(uri, range)),
  });
  if (target === undefined) {
    return;
  }
  if (target.scheme !== 'file') {
    void vscode.window.showErrorMessage('Bytes are saved to a file on a disk of this machine. Choose a folder there.');
    return;
  }
  const title = `Saving ${basename(target.fsPath)}`;
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  try {
    const saved = await vscode.window.withProgress(options, (progress, token) =>
      save(threads, path, { range, path: target.fsPath }, progress, token),
    );
    await tellSaved(target, saved);
  } catch (error) {
    if (!(error instanceof CallFailed) || error.code !== 'cancelled') {
      const why = error instanceof Error ? error.message : String(error);
      void vscode.window.showErrorMessage(`The bytes were not saved, and no file was left. ${why}`);
    }
  }
}

/** The page of an image may not have files written: the host asks the thread. */
async function save(
  threads: ImageThreads,
  path: string,
  request: SaveRequest,
  progress: vscode.Progress<{ message?: string; increment?: number }>,
  token: vscode.CancellationToken,
): Promise<SaveResult> {
  const abort = new AbortController();
  const cancelling = token.onCancellationRequested(() => abort.abort());
  let shown = 0;
  const onProgress = (done: number, total: number): void => {
    const part = Math.floor((100 * done) / Math.max(1, total));
    progress.report({ message: `${part} %`, increment: part - shown });
    shown = part;
  };
  try {
    return await callThread(threads, path, 'saveBytes', request, { signal: abort.signal, onProgress });
  } finally {
    cancelling.dispose();
  }
}

async function tellSaved(target: vscode.Uri, { bytes, unknown }: SaveResult): Promise<void> {
  const saved = `${bytes} bytes saved to ${target.fsPath}.`;
  if (unknown > 0n) {
    void vscode.window.showWarningMessage(
      `${saved} ${unknown} of them are not known (not opened, or not readable) and were written as zeros.`,
    );
    return;
  }
  const reveal = 'Reveal in File Explorer';
  if ((await vscode.window.showInformationMessage(saved, reveal)) === reveal) {
    await vscode.commands.executeCommand('revealFileInOS', target);
  }
}

/** The range of the page's message; undefined where it is none. */
function rangeOf(body: string): RangeRequest | undefined {
  const range = decode(body);
  const fits =
    typeof range === 'object' &&
    range !== null &&
    'space' in range &&
    (range.space === 'host' || range.space === 'guest') &&
    'start' in range &&
    typeof range.start === 'bigint' &&
    'length' in range &&
    typeof range.length === 'bigint';
  // Its own parts were just looked at; a snapshot that is none is refused by the worker.
  return fits ? (range as RangeRequest) : undefined;
}

/** A name beside the image: `disk.qcow2` becomes `disk.qcow2.guest-0x10000.bin`. */
function suggested(uri: vscode.Uri, { space, start }: RangeRequest): string {
  const name = `${basename(uri.fsPath)}.${space}-0x${start.toString(16)}.bin`;
  return uri.scheme === 'file' ? join(dirname(uri.fsPath), name) : name;
}
