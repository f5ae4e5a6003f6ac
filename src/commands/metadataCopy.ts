import * as vscode from 'vscode';
import type { Editor } from '../editor/register.ts';

/** What may be kept out of a copy. */
interface Choice extends vscode.QuickPickItem {
  readonly leaves: 'names' | 'bitmap data';
}

const choices: readonly Choice[] = [
  {
    label: 'Replace names',
    detail:
      'Of the backing file, the data file, the snapshots and the bitmaps: others of the same length that tell nothing.',
    leaves: 'names',
  },
  {
    label: 'Leave out the bits of bitmaps',
    detail: 'They tell where the guest has written.',
    leaves: 'bitmap data',
  },
];

/** "Export Metadata-Only Copy…": an image for a bug report, with all metadata and no guest data. */
export function registerMetadataCopy(
  active: () => vscode.Uri | undefined,
  editor: Pick<Editor, 'copyMetadata'>,
): vscode.Disposable {
  return vscode.commands.registerCommand('qcow2.inspector.metadataCopy', async (clicked: unknown) => {
    const image = clicked instanceof vscode.Uri ? clicked : active();
    if (image?.scheme !== 'file') {
      await vscode.window.showInformationMessage(
        'Open an image on a disk of this machine in Qcow2 Inspector first; then its metadata can be exported.',
      );
      return;
    }
    const chosen = await vscode.window.showQuickPick(choices, {
      title: 'Export Metadata-Only Copy',
      ignoreFocusOut: true,
      placeHolder: 'Guest data is never in the copy. What else is to be kept out of it?',
      canPickMany: true,
    });
    if (chosen !== undefined) {
      const leaves = new Set(chosen.map((choice) => choice.leaves));
      await editor.copyMetadata(image, { anonymous: leaves.has('names'), bitmapData: !leaves.has('bitmap data') });
    }
  });
}
