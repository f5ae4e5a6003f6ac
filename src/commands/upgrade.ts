import type * as vscode from 'vscode';
import { type ChangeTools, registerChange } from './changeTarget.ts';

/** "Upgrade to compat 1.1…": shows what it would do. Nothing is to be asked before. */
export function registerUpgrade(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.upgrade', tools, async () => ({ verb: 'amend', compat: '1.1' }));
}
