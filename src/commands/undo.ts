import type * as vscode from 'vscode';
import { type ChangeTools, registerChange } from './changeTarget.ts';

/** "Undo Last Change…": shows what putting back the old bytes of the last change would do. */
export function registerUndo(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.undo', tools, async () => ({ verb: 'roll-back' }));
}
