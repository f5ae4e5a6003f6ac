import * as vscode from 'vscode';

/**
 * "Open with Qcow2 Inspector": opens the files of the explorer's selection, else the one in the active tab, else those
 * that the user picks.
 *
 * @param viewType - of the editor
 */
export function registerOpen(viewType: string): vscode.Disposable {
  return vscode.commands.registerCommand(
    'qcow2.inspector.open',
    async (clicked?: vscode.Uri, selected?: vscode.Uri[]) => {
      const uris = selected?.length ? selected : clicked ? [clicked] : (activeFile() ?? (await pick()));
      for (const uri of uris) {
        await vscode.commands.executeCommand('vscode.openWith', uri, viewType, { preview: uris.length === 1 });
      }
    },
  );
}

/** The file in the active tab, unless the inspector shows it already. */
function activeFile(): vscode.Uri[] | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputText ? [input.uri] : undefined;
}

async function pick(): Promise<vscode.Uri[]> {
  const picked = await vscode.window.showOpenDialog({
    title: 'Open with Qcow2 Inspector',
    openLabel: 'Inspect',
    canSelectMany: true,
    filters: { 'Disk images': ['qcow2', 'qcow', 'img', 'snap'], 'All files': ['*'] },
  });
  return picked ?? [];
}
