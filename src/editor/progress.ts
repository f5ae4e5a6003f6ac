import * as vscode from 'vscode';
import { CallFailed, type CallOptions } from '../protocol/client.ts';

/**
 * Does something long that a thread is asked for, with a notification that shows how far it is and can stop it. Undefined
 * when the user stops it. Throws what `work` throws.
 */
export async function withProgress<T>(
  title: string,
  work: (options: CallOptions) => Promise<T>,
): Promise<T | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    const abort = new AbortController();
    const cancelling = token.onCancellationRequested(() => abort.abort());
    let shown = 0;
    const onProgress = (done: number, total: number): void => {
      const part = Math.max(shown, Math.floor((100 * done) / Math.max(1, total)));
      progress.report({ message: `${part} %`, increment: part - shown });
      shown = part;
    };
    try {
      return await work({ signal: abort.signal, onProgress });
    } catch (error) {
      if (error instanceof CallFailed && error.code === 'cancelled') {
        return undefined;
      }
      throw error;
    } finally {
      cancelling.dispose();
    }
  });
}
