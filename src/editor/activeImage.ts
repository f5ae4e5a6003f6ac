import * as vscode from 'vscode';
import { viewType } from './provider.ts';

/** The image in the active tab, if an inspector shows it. */
export function activeImage(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputCustom && input.viewType === viewType ? input.uri : undefined;
}
