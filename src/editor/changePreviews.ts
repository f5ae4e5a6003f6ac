import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ChangeRequest } from '../protocol/changeApi.ts';
import { fromPreview, type ToPreview } from '../protocol/changeMessages.ts';
import { startChangeThread } from '../worker/changeThread.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import type { ChangeMemory } from './changeMemory.ts';
import { ChangeSession } from './changeSession.ts';
import { inspectorPage } from './page.ts';
import { keepsUndo, section } from './settings.ts';

/** The view type of a preview's tab. */
const previewType = 'qcow2.inspector.preview';

interface Shown {
  readonly session: ChangeSession;
  /** Gone when its tab was closed while a change was applied. */
  panel: vscode.WebviewPanel | undefined;
}

/** The changes of images that are planned or applied: one an image, each in a tab that shows its preview. */
export class ChangePreviews {
  readonly #dist: vscode.Uri;
  readonly #threads: ImageThreads;
  readonly #memory: ChangeMemory;
  readonly #log: vscode.LogOutputChannel;
  readonly #shown = new Map<string, Shown>();

  /**
   * @param dist - the folder of the built pages and threads
   * @param threads - of the images, which are told that theirs is being changed
   */
  constructor(dist: vscode.Uri, threads: ImageThreads, memory: ChangeMemory, log: vscode.LogOutputChannel) {
    this.#dist = dist;
    this.#threads = threads;
    this.#memory = memory;
    this.#log = log;
  }

  /** Plans a change of the image and shows its preview, in place of one that is shown. One that is applied goes on. */
  open(uri: vscode.Uri, request: ChangeRequest): void {
    const key = uri.toString();
    const shown = this.#shown.get(key) ?? this.#start(uri, request);
    shown.panel ??= this.#openPanel(uri, shown);
    shown.panel.reveal();
    void this.#guard(shown.session.plan(request));
  }

  /** An image is shown: its thread is told where its journal lies, if not beside it. */
  opened(uri: vscode.Uri): void {
    const journal = this.#memory.get(uri.toString())?.journal;
    if (journal !== undefined && !this.#shown.has(uri.toString())) {
      this.#threads.changing(uri.fsPath, { running: false, journal });
    }
  }

  /** Ends all. What is being applied is rolled back. */
  async dispose(): Promise<void> {
    const all = [...this.#shown.values()];
    this.#shown.clear();
    await Promise.all(
      all.map(async ({ session, panel }) => {
        panel?.dispose();
        await session.dispose();
      }),
    );
  }

  #start(uri: vscode.Uri, request: ChangeRequest): Shown {
    const key = uri.toString();
    const path = uri.fsPath;
    const entry = vscode.Uri.joinPath(this.#dist, 'change.js').fsPath;
    const session = new ChangeSession(
      {
        startThread: () => startChangeThread(entry, path, (defect) => this.#log.error(defect)),
        tell: (message) => this.#tell(uri, message),
        isTrusted: () => vscode.workspace.isTrusted,
        keepsUndo: () => keepsUndo(vscode.workspace.getConfiguration(section)),
        recall: () => this.#memory.get(key),
        remember: (change) => this.#memory.set(key, change),
        askJournal: () => askJournal(path),
        changing: (running, journal) => this.#threads.changing(path, { running, ...(journal && { journal }) }),
        close: () => {
          const panel = this.#shown.get(key)?.panel;
          void this.#guard(closePanel(panel));
        },
      },
      request,
    );
    const shown: Shown = { session, panel: undefined };
    this.#shown.set(key, shown);
    return shown;
  }

  #openPanel(uri: vscode.Uri, shown: Shown): vscode.WebviewPanel {
    const name = basename(uri.fsPath);
    const panel = vscode.window.createWebviewPanel(previewType, `Change ${name}`, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [this.#dist],
      enableFindWidget: true,
    });
    const { webview } = panel;
    webview.onDidReceiveMessage((received: unknown) => {
      const message = fromPreview(received);
      if (message === undefined || message.type === 'error') {
        this.#log.error(`${uri.fsPath}: ${message?.message ?? `none of ours: ${JSON.stringify(received)}`}`);
      } else {
        void this.#guard(shown.session.hear(message));
      }
    });
    panel.onDidDispose(() => {
      shown.panel = undefined;
      if (shown.session.stage.stage !== 'applying') {
        this.#end(uri, shown);
      }
    });
    const source = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(this.#dist, file)).toString();
    webview.html = inspectorPage({
      title: name,
      path: uri.fsPath,
      script: source('preview.js'),
      styles: [source('preview.css'), source('codicon.css')],
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString('base64url'),
    });
    return panel;
  }

  #tell(uri: vscode.Uri, message: ToPreview): void {
    const shown = this.#shown.get(uri.toString());
    if (shown === undefined) {
      return;
    }
    const { session, panel } = shown;
    if (panel !== undefined) {
      panel.title = `${session.title ?? 'Change'}: ${basename(uri.fsPath)}`;
      // False while the tab is hidden: its page asks for all of it when it is shown.
      void panel.webview.postMessage(message);
    } else if (session.stage.stage === 'done' || session.stage.stage === 'failed') {
      this.#end(uri, shown);
      void this.#tellEnd(uri, session);
    }
  }

  #end(uri: vscode.Uri, shown: Shown): void {
    if (this.#shown.get(uri.toString()) === shown) {
      this.#shown.delete(uri.toString());
      void this.#guard(shown.session.dispose());
    }
  }

  /** Says how a change has ended whose tab was closed. */
  async #tellEnd(uri: vscode.Uri, { stage, title = 'The change' }: ChangeSession): Promise<void> {
    const name = basename(uri.fsPath);
    if (stage.stage === 'done') {
      const undo = 'Undo…';
      const words = `${title}: ${name} is done.`;
      if ((await vscode.window.showInformationMessage(words, ...(stage.undo ? [undo] : []))) === undo) {
        this.open(uri, { verb: 'roll-back' });
      }
    } else if (stage.stage === 'failed') {
      const state = stage.asBefore ? 'The image is as it was before.' : 'Open the image to roll it back.';
      await vscode.window.showErrorMessage(`${title}: ${name} failed. ${stage.reason} ${state}`);
    }
  }

  /** Nobody waits for a click to be done: what goes wrong in it is for the log. */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
}

/** Closes the tab as the user would: that leads the focus to the next one, where `dispose` leaves it nowhere. */
async function closePanel(panel: vscode.WebviewPanel | undefined): Promise<void> {
  if (panel?.active) {
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  }
  panel?.dispose();
}

async function askJournal(path: string): Promise<string | undefined> {
  const target = await vscode.window.showSaveDialog({
    title: 'Rollback Journal',
    saveLabel: 'Put the Journal Here',
    defaultUri: vscode.Uri.file(`${path}.undo-journal`),
  });
  if (target !== undefined && target.scheme !== 'file') {
    void vscode.window.showErrorMessage('The journal lies on a disk of this machine. Choose a folder there.');
    return undefined;
  }
  return target?.fsPath;
}
