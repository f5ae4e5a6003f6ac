import * as vscode from 'vscode';
import { mayChange } from '../editor/mayChange.ts';
import type { Editor } from '../editor/register.ts';
import type { ChangeRequest } from '../protocol/changeApi.ts';
import { CallFailed } from '../protocol/client.ts';

/** What an image is as a whole. */
export type Description = Awaited<ReturnType<Editor['describe']>>;

/** What the commands that change an image need. */
export interface ChangeTools {
  /** The image in the active tab. */
  readonly active: () => vscode.Uri | undefined;
  readonly editor: Pick<Editor, 'describe' | 'change'>;
}

/**
 * Registers a command that changes the image that was clicked, else the one in the active tab, else one that the user
 * picks. Where no image may be changed, or the file is none that can be, the user is told so before anything is asked.
 *
 * @param ask - what is to be done, asked of the user; undefined when the user gives up
 */
export function registerChange(
  command: string,
  { active, editor }: ChangeTools,
  ask: (description: () => Promise<Description>, uri: vscode.Uri) => Promise<ChangeRequest | undefined>,
): vscode.Disposable {
  return vscode.commands.registerCommand(command, async (clicked: unknown) => {
    const uri = clicked instanceof vscode.Uri ? clicked : (active() ?? (await pick()));
    if (uri === undefined || !(await mayChange(uri))) {
      return;
    }
    try {
      const request = await ask(async () => readable(await editor.describe(uri)), uri);
      if (request !== undefined) {
        await editor.change(uri, request);
      }
    } catch (error) {
      if (!(error instanceof CallFailed)) {
        throw error;
      }
      await vscode.window.showErrorMessage(`${uri.fsPath} can’t be read: ${error.message}`);
    }
  });
}

/** Throws `CallFailed` where there is nothing to ask about, since there is no header that tells what the image has. */
function readable(description: Description): Description {
  const { geometry, file, qemuRefusal = '' } = description;
  if (geometry === undefined) {
    const message = `${file.says}, and there is nothing to change. QEMU refuses it: ${qemuRefusal}`;
    throw new CallFailed({ code: 'refused', message });
  }
  return description;
}

async function pick(): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: 'Change an Image',
    openLabel: 'Change',
    filters: { 'Disk images': ['qcow2', 'qcow', 'img', 'snap'], 'All files': ['*'] },
  });
  return picked?.[0];
}
