import { posix } from 'node:path';
import * as vscode from 'vscode';
import type { VirtualFile } from '../worker/imageThread.ts';

/** A file that only `vscode.workspace.fs` can read, and only as a whole: up to `limit()` bytes. */
export function virtualFile(uri: vscode.Uri, limit: () => number): VirtualFile {
  return {
    read: async () => {
      const most = limit();
      const { size } = await vscode.workspace.fs.stat(uri);
      if (size > most) {
        throw tooLarge(uri, size, most);
      }
      const bytes = await vscode.workspace.fs.readFile(uri);
      // A file may have grown since, and some file systems don't tell sizes.
      if (bytes.length > most) {
        throw tooLarge(uri, bytes.length, most);
      }
      return bytes;
    },
    look: async () => {
      try {
        const { size, mtime } = await vscode.workspace.fs.stat(uri);
        return { state: 'there', stamp: `${size}:${mtime}` };
      } catch (error) {
        return { state: 'lost', message: error instanceof Error ? error.message : String(error) };
      }
    },
    watch: (heard) => {
      const folder = uri.with({ path: posix.dirname(uri.path) });
      const pattern = new vscode.RelativePattern(folder, posix.basename(uri.path).replaceAll(/[[\]{}*?]/g, '?'));
      const watcher = vscode.workspace.createFileSystemWatcher(pattern);
      const listening = [watcher.onDidChange(heard), watcher.onDidCreate(heard), watcher.onDidDelete(heard)];
      return () => {
        for (const one of [...listening, watcher]) {
          one.dispose();
        }
      };
    },
  };
}

function tooLarge(uri: vscode.Uri, size: number, most: number): Error {
  const mib = (bytes: number): string => `${Math.ceil((bytes * 10) / 2 ** 20) / 10} MiB`;
  return new Error(
    `${uri.toString(true)} has ${mib(size)}. A file of the virtual file system “${uri.scheme}:” can only be read as a ` +
      `whole, and is up to ${mib(most)}. Copy the image to a disk and open it there, or raise the setting ` +
      'qcow2.inspector.virtualFileLimit, then retry.',
  );
}
