import * as vscode from 'vscode';

/** Milliseconds in which VS Code links a tab that is shown with the extension. */
const patience = 2000;

/**
 * After a restart of the extension host VS Code leaves the editors that were open as they are, linked with nobody: they
 * answer to nothing (microsoft/vscode#225410). This closes each of them as soon as it is shown, and opens it anew.
 *
 * @param viewType - of our tabs
 * @param linked - whether an editor of this extension host shows the image in the column
 */
export function reopenOrphans(
  viewType: string,
  linked: (uri: vscode.Uri, column: vscode.ViewColumn) => boolean,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  /** Images that were opened anew: once is enough, whatever VS Code makes of it. */
  const reopened = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    for (const tab of tabs.filter((one) => one.isActive)) {
      const uri = imageOf(tab, viewType);
      if (uri !== undefined && !linked(uri, tab.group.viewColumn) && !reopened.has(uri.toString())) {
        reopened.add(uri.toString());
        log.info(`Open ${uri.fsPath} anew: the extension host was restarted`);
        await reopen(uri, viewType, tabs);
      }
    }
  };
  const lookSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      last = last.then(look).catch((error: unknown) => log.error(String(error)));
    }, patience);
  };

  lookSoon();
  const listening = vscode.window.tabGroups.onDidChangeTabs(lookSoon);
  return {
    dispose: () => {
      clearTimeout(timer);
      listening.dispose();
    },
  };
}

/** The image that a tab of ours shows. */
function imageOf({ input }: vscode.Tab, viewType: string): vscode.Uri | undefined {
  return input instanceof vscode.TabInputCustom && input.viewType === viewType ? input.uri : undefined;
}

/** VS Code forgets the document of an image only when all its tabs are closed, so they are closed and opened together. */
async function reopen(uri: vscode.Uri, viewType: string, tabs: readonly vscode.Tab[]): Promise<void> {
  const ours = tabs.filter((tab) => imageOf(tab, viewType)?.toString() === uri.toString());
  const places = ours.map(({ group, isActive, isPreview }) => ({
    viewColumn: group.viewColumn,
    preview: isPreview,
    preserveFocus: !(group.isActive && isActive),
  }));
  await vscode.window.tabGroups.close(ours, true);
  for (const place of places) {
    await vscode.commands.executeCommand('vscode.openWith', uri, viewType, place);
  }
}
