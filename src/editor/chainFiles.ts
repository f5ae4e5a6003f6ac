import { realpath, stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { type ChainPlace, fileAt } from '../protocol/chainApi.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { offerTrust } from './mayChange.ts';
import { callThread } from './threadCall.ts';

/** Lets the threads know whether the user trusts the workspace, now and when that is granted. */
export function followTrust(threads: ImageThreads): vscode.Disposable {
  threads.trust(vscode.workspace.isTrusted);
  return vscode.workspace.onDidGrantWorkspaceTrust(() => threads.trust(true));
}

/**
 * Opens a file that the image at `path` names, or one further down its chain, in a tab of its own. The page says only
 * which of them; its path comes from the thread. Says to the user why a file is not opened.
 */
export async function openChainFile(
  threads: ImageThreads,
  path: string,
  place: ChainPlace,
  viewType: string,
): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    await offerTrust('In Restricted Mode no file is opened that an image names. Trust the folder first.');
    return;
  }
  try {
    const named = fileAt(await callThread(threads, path, 'chain'), place);
    if (named?.path === undefined) {
      throw new Error(named?.message ?? 'The image does not name such a file any more. Reload it.');
    }
    await vscode.commands.executeCommand('vscode.openWith', await regularFile(named.path), viewType);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await vscode.window.showErrorMessage(`The file can’t be opened: ${reason}`);
  }
}

/** The file at a path, links and `..` followed as the system does. Throws where it is no regular file. */
async function regularFile(path: string): Promise<vscode.Uri> {
  const real = await realpath(path);
  if (!(await stat(real)).isFile()) {
    throw new Error(`${path} is not a regular file. Only those are opened when an image names them.`);
  }
  return vscode.Uri.file(real);
}
