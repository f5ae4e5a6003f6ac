import * as vscode from 'vscode';
import type { Editor } from '../editor/register.ts';

const filters = { 'Disk images': ['qcow2', 'qcow', 'img', 'snap'], 'All files': ['*'] };

/**
 * "Compare qcow2 Metadata": the two images that are selected in the Explorer; else the one that was clicked, or that in
 * the active tab, with one that the user picks.
 */
export function registerCompare(
  active: () => vscode.Uri | undefined,
  editor: Pick<Editor, 'compare'>,
): vscode.Disposable {
  return vscode.commands.registerCommand(
    'qcow2.inspector.compare',
    async (clicked?: vscode.Uri, selected?: vscode.Uri[]) => {
      const images = selected?.length === 2 ? selected : [clicked ?? active() ?? (await pick('Compare'))];
      const [a] = images;
      const b = images[1] ?? (a && (await pick(`Compare ${vscode.workspace.asRelativePath(a)} with`)));
      if (a === undefined || b === undefined) {
        return;
      }
      if (a.scheme !== 'file' || b.scheme !== 'file') {
        await vscode.window.showInformationMessage(
          'Only images on a disk of this machine can be compared. Copy the other ones there first.',
        );
        return;
      }
      await editor.compare(a, b);
    },
  );
}

async function pick(title: string): Promise<vscode.Uri | undefined> {
  const picked = await vscode.window.showOpenDialog({ title, openLabel: 'Compare', filters });
  return picked?.[0];
}
