import type * as vscode from 'vscode';
import { type ChangeTools, registerChange } from './changeTarget.ts';

/** "Downgrade to compat 0.10…": shows what it would do. Nothing is to be asked before. */
export function registerDowngrade(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.downgrade', tools, async () => ({ verb: 'amend', compat: '0.10' }));
}
