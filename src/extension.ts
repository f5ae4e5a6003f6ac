import * as vscode from 'vscode';
import { registerOpen } from './commands/open.ts';
import { registerReload } from './commands/reload.ts';
import { registerShowLog } from './commands/showLog.ts';
import { viewType } from './editor/provider.ts';
import { registerEditor } from './editor/register.ts';

/** Called by VS Code when the first image is opened or a command is run. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Qcow2 Inspector', { log: true });
  const editor = registerEditor(context, log);
  context.subscriptions.push(
    log,
    editor,
    registerOpen(viewType),
    registerReload(viewType, (uri) => editor.reload(uri)),
    registerShowLog(log),
  );
}
