import * as vscode from 'vscode';
import { ImageThreads } from '../worker/imageThreads.ts';
import { reopenOrphans } from './orphans.ts';
import { InspectorProvider, viewType } from './provider.ts';
import { section } from './settings.ts';
import { ViewStates } from './viewStates.ts';

/** The editor as the rest of the extension sees it. */
export interface Editor extends vscode.Disposable {
  /** Reads an image again, in all its editors. */
  reload(uri: vscode.Uri): void;
}

/** Registers the custom editor. Its disposal ends the threads of all images. */
export function registerEditor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Editor {
  const dist = vscode.Uri.joinPath(context.extensionUri, 'dist');
  const threads = new ImageThreads(vscode.Uri.joinPath(dist, 'worker.js').fsPath, (defect) => log.error(defect));
  const provider = new InspectorProvider(dist, threads, new ViewStates(context.workspaceState), log);
  const registered = vscode.window.registerCustomEditorProvider(viewType, provider, {
    supportsMultipleEditorsPerDocument: true,
  });
  provider.configure();
  const configuring = vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(section)) {
      provider.configure();
    }
  });
  const orphans = reopenOrphans(viewType, (uri, column) => provider.shows(uri, column), log);
  return {
    reload: (uri) => provider.reload(uri),
    dispose: () => {
      configuring.dispose();
      orphans.dispose();
      registered.dispose();
      void threads.dispose();
    },
  };
}
