import * as vscode from 'vscode';
import { registerBack } from './commands/back.ts';
import { registerBitmaps } from './commands/bitmaps.ts';
import { registerCheck } from './commands/check.ts';
import { registerCompare } from './commands/compare.ts';
import { registerCreateImage } from './commands/createImage.ts';
import { registerDowngrade } from './commands/downgrade.ts';
import { registerForward } from './commands/forward.ts';
import { registerGoTo } from './commands/goTo.ts';
import { registerMetadataCopy } from './commands/metadataCopy.ts';
import { registerOpen } from './commands/open.ts';
import { registerOpenSample } from './commands/openSample.ts';
import { registerRebase } from './commands/rebase.ts';
import { registerReload } from './commands/reload.ts';
import { registerRepair } from './commands/repair.ts';
import { registerResize } from './commands/resize.ts';
import { registerSaveGuestDisk } from './commands/saveGuestDisk.ts';
import { registerShowFinding } from './commands/showFinding.ts';
import { registerShowJson } from './commands/showJson.ts';
import { registerShowLog } from './commands/showLog.ts';
import { registerSnapshots } from './commands/snapshots.ts';
import { registerUndo } from './commands/undo.ts';
import { registerUpgrade } from './commands/upgrade.ts';
import { activeImage } from './editor/activeImage.ts';
import { viewType } from './editor/provider.ts';
import { registerEditor } from './editor/register.ts';

let stop: () => Promise<void> = async () => undefined;

/** Called by VS Code when the first image is opened or a command is run. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Qcow2 Inspector', { log: true });
  const editor = registerEditor(context, log);
  stop = () => editor.stop();
  const tools = { active: activeImage, editor };
  context.subscriptions.push(
    log,
    editor,
    registerOpen(viewType),
    registerCreateImage(vscode.Uri.joinPath(context.extensionUri, 'dist', 'create.js').fsPath, viewType, (file) =>
      editor.describe(file),
    ),
    registerOpenSample(vscode.Uri.joinPath(context.extensionUri, 'media', 'walkthrough'), viewType),
    registerUpgrade(tools),
    registerDowngrade(tools),
    registerResize(tools),
    registerRebase(tools),
    registerSnapshots(tools),
    registerBitmaps(tools),
    registerRepair(tools),
    registerUndo(tools),
    registerCheck(activeImage, editor),
    registerShowFinding(editor),
    registerReload(activeImage, (uri) => editor.reload(uri)),
    registerGoTo(() => editor.run('go-to')),
    registerBack(() => editor.run('back')),
    registerForward(() => editor.run('forward')),
    registerSaveGuestDisk(tools),
    registerCompare(activeImage, editor),
    registerMetadataCopy(activeImage, editor),
    registerShowJson(activeImage, (uri) => editor.showJson(uri)),
    registerShowLog(log),
  );
}

/** Called by VS Code before the extension host ends, which waits for it a few seconds. */
export function deactivate(): Promise<void> {
  return stop();
}
