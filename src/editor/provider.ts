import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { fromWebview, type ToWebview } from '../protocol/messages.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { ImageDocument } from './document.ts';
import { inspectorPage, messagePage } from './page.ts';
import type { ViewStates } from './viewStates.ts';

/** The view type of the editor, in package.json too. */
export const viewType = 'qcow2.inspector';

/** Opens images in the inspector. All editors on one image share its thread. */
export class InspectorProvider implements vscode.CustomReadonlyEditorProvider<ImageDocument> {
  readonly #dist: vscode.Uri;
  readonly #threads: ImageThreads;
  readonly #states: ViewStates;
  readonly #log: vscode.LogOutputChannel;
  readonly #panels = new Map<vscode.WebviewPanel, vscode.Uri>();

  /** `dist`: the folder of the built webview. */
  constructor(dist: vscode.Uri, threads: ImageThreads, states: ViewStates, log: vscode.LogOutputChannel) {
    this.#dist = dist;
    this.#threads = threads;
    this.#states = states;
    this.#log = log;
  }

  openCustomDocument(uri: vscode.Uri): ImageDocument {
    return new ImageDocument(uri);
  }

  resolveCustomEditor({ uri }: ImageDocument, panel: vscode.WebviewPanel): void {
    if (uri.scheme !== 'file') {
      panel.webview.html = messagePage(
        'This image is not on a disk',
        `Qcow2 Inspector reads images in place, and “${uri.scheme}:” has no files that it can read in place. ` +
          'Copy the image to a folder of this machine (or of the remote one) and open it there.',
      );
      return;
    }
    this.#connect(uri, panel);
    this.#load(uri, panel);
  }

  /** Reads an image again, from the start, in all its editors. */
  async reload(uri: vscode.Uri): Promise<void> {
    this.#log.info(`Reload ${uri.fsPath}`);
    await this.#threads.restart(uri.fsPath);
    for (const [panel, shown] of this.#panels) {
      if (shown.toString() === uri.toString()) {
        this.#load(shown, panel);
      }
    }
  }

  /** Whether one of our editors shows the image in the column. */
  shows(uri: vscode.Uri, column: vscode.ViewColumn): boolean {
    return [...this.#panels].some(
      ([panel, shown]) => shown.toString() === uri.toString() && panel.viewColumn === column,
    );
  }

  /** Links the panel with the image's thread until it is closed. */
  #connect(uri: vscode.Uri, panel: vscode.WebviewPanel): void {
    const path = uri.fsPath;
    const { webview } = panel;
    const thread = this.#threads.open(path);
    const post = (message: ToWebview): void => {
      // False when the tab is hidden: its page is gone, and asks again when it is shown.
      void webview.postMessage(message);
    };
    const view = thread.attach(post);
    this.#panels.set(panel, uri);
    let greeted = false;
    const listening = webview.onDidReceiveMessage((received: unknown) => {
      const message = fromWebview(received);
      switch (message?.type) {
        case 'request':
          if (!greeted) {
            // Now there is a page that listens, and its first reply is still to come.
            greeted = true;
            this.#sendState(uri, post);
          }
          thread.request(view, message.body);
          break;
        case 'state':
          void this.#states.set(uri.toString(), message.state);
          break;
        case 'ready':
          this.#log.debug(`Painted ${path}`);
          break;
        case 'error':
          this.#log.error(`${path}: ${message.message}`);
          break;
        case undefined:
          this.#log.error(`${path}: a message that is none of ours: ${JSON.stringify(received)}`);
      }
    });
    panel.onDidDispose(() => {
      listening.dispose();
      this.#panels.delete(panel);
      thread.detach(view);
      this.#threads.release(path);
    });
  }

  #sendState(uri: vscode.Uri, post: (message: ToWebview) => void): void {
    const state = this.#states.get(uri.toString());
    if (state !== undefined) {
      post({ type: 'state', state });
    }
  }

  /** Puts the page into the panel, anew if it has one. */
  #load(uri: vscode.Uri, { webview }: vscode.WebviewPanel): void {
    const source = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(this.#dist, name)).toString();
    webview.options = { enableScripts: true, localResourceRoots: [this.#dist] };
    webview.html = inspectorPage({
      title: basename(uri.fsPath),
      script: source('webview.js'),
      styles: [source('webview.css'), source('codicon.css')],
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString('base64url'),
    });
  }
}
