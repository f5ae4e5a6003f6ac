import * as vscode from 'vscode';
import type { Editor } from '../editor/register.ts';
import { CallFailed } from '../protocol/client.ts';
import type { GuestDisks, NamedSnapshot } from '../protocol/salvageApi.ts';

/** The disk as it is now, or as a snapshot has it. */
interface State extends vscode.QuickPickItem {
  readonly snapshot?: NamedSnapshot;
}

/**
 * "Save Guest Disk As…": the disk of the image in the active tab, or of the file that was clicked, as a raw file. Where
 * there are snapshots, the user is asked which state of it.
 */
export function registerSaveGuestDisk(tools: {
  /** The image in the active tab. */
  readonly active: () => vscode.Uri | undefined;
  readonly editor: Pick<Editor, 'guestDisks' | 'saveGuestDisk'>;
}): vscode.Disposable {
  const { active, editor } = tools;
  return vscode.commands.registerCommand('qcow2.inspector.saveGuestDisk', async (clicked: unknown) => {
    const image = clicked instanceof vscode.Uri ? clicked : active();
    if (image === undefined) {
      await vscode.window.showInformationMessage(
        'Open an image in Qcow2 Inspector first; then its guest disk can be saved.',
      );
      return;
    }
    if (image.scheme !== 'file') {
      await vscode.window.showInformationMessage(
        'The guest disk of a file in a virtual file system can’t be saved. Copy the image to a disk of this machine, and open it there.',
      );
      return;
    }
    try {
      const state = await askState(await editor.guestDisks(image));
      if (state !== undefined) {
        await editor.saveGuestDisk(image, state.snapshot);
      }
    } catch (error) {
      if (!(error instanceof CallFailed)) {
        throw error;
      }
      await vscode.window.showErrorMessage(`The guest disk of ${image.fsPath} can’t be saved. ${error.message}`);
    }
  });
}

/** Which state of the disk; undefined when the user gives up. */
async function askState({ snapshots }: GuestDisks): Promise<State | undefined> {
  const now: State = { label: 'The disk as it is now' };
  if (snapshots.length === 0) {
    return now;
  }
  const states = snapshots.map(
    (snapshot): State => ({
      label: `$(device-camera) ${snapshot.name.replaceAll('$(', '$\u200b(')}`,
      description: `Snapshot, ID ${snapshot.id}`,
      snapshot,
    }),
  );
  return vscode.window.showQuickPick([now, ...states], {
    title: 'Save Guest Disk',
    placeHolder: 'Which state of it?',
    ignoreFocusOut: true,
  });
}
