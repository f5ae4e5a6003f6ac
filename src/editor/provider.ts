import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Result } from '../protocol/api.ts';
import type { RepairSelection } from '../protocol/changeApi.ts';
import type { CallOptions } from '../protocol/client.ts';
import { decode } from '../protocol/codec.ts';
import { fromWebview, type ToWebview } from '../protocol/messages.ts';
import type { PageCommand } from '../protocol/pageCommand.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { Attachment } from './attachment.ts';
import { callOnce } from './callOnce.ts';
import { openChainFile } from './chainFiles.ts';
import { ImageDocument } from './document.ts';
import { inspectorPage } from './page.ts';
import type { Problems } from './problems.ts';
import { saveBytes } from './saveBytes.ts';
import { readSettings, section, virtualFileLimit } from './settings.ts';
import { callThread, describeNow } from './threadCall.ts';
import type { ViewStates } from './viewStates.ts';
import { virtualFile } from './virtualFile.ts';

/** The view type of the editor, in package.json too. */
export const viewType = 'qcow2.inspector';

/** Milliseconds in which an editor that asks for something becomes visible, if it is being shown. */
const lastWords = 2000;

/** What changes images, as far as the editor has to do with it. */
interface ChangesOfImages {
  /** An image is shown. */
  opened(uri: vscode.Uri): void;
  /** Shows what rolling back the interrupted change of an image would do. */
  rollBack(uri: vscode.Uri): void;
  /** Shows what a repair of an image would do; without a selection, the user is asked what to repair. */
  repair(uri: vscode.Uri, select: RepairSelection | undefined): void;
}

/** Opens images in the inspector. All editors on one image share its thread. */
export class InspectorProvider implements vscode.CustomReadonlyEditorProvider<ImageDocument> {
  readonly #dist: vscode.Uri;
  readonly #threads: ImageThreads;
  readonly #states: ViewStates;
  readonly #changes: ChangesOfImages;
  readonly #log: vscode.LogOutputChannel;
  readonly #problems: Problems;
  readonly #panels = new Map<vscode.WebviewPanel, vscode.Uri>();
  /** By image: what the page that is being shown is to do once it listens. */
  readonly #pending = new Map<string, ToWebview>();
  /** The panels whose page listens. */
  readonly #listening = new Set<vscode.WebviewPanel>();

  /**
   * @param dist - the folder of the built webview
   * @param problems - list what is found in the images that are shown
   * @param changes - are told which images are shown, and that a change which was interrupted is to be rolled back
   */
  constructor(
    dist: vscode.Uri,
    threads: ImageThreads,
    states: ViewStates,
    changes: ChangesOfImages,
    problems: Problems,
    log: vscode.LogOutputChannel,
  ) {
    this.#dist = dist;
    this.#threads = threads;
    this.#states = states;
    this.#changes = changes;
    this.#problems = problems;
    this.#log = log;
  }

  openCustomDocument(uri: vscode.Uri): ImageDocument {
    this.#changes.opened(uri);
    this.#problems.opened(uri);
    return new ImageDocument(uri, () => {
      this.#problems.closed(uri);
      this.#threads.forget(nameOf(uri));
    });
  }

  resolveCustomEditor({ uri }: ImageDocument, panel: vscode.WebviewPanel): void {
    this.#connect(uri, panel);
    this.#load(uri, panel);
  }

  /** Reads an image again, in all its editors, which stay as they are. */
  reload(uri: vscode.Uri): void {
    this.#log.info(`Reload ${nameOf(uri)}`);
    this.#threads.reload(nameOf(uri));
  }

  /** Passes a command to the page in the active tab, which gets the focus; nothing where there is none. */
  run(command: PageCommand): void {
    for (const panel of this.#panels.keys()) {
      if (panel.active) {
        panel.reveal();
        void panel.webview.postMessage({ type: 'command', command } satisfies ToWebview);
      }
    }
  }

  /** Shows an image, whose page gets a message as soon as it listens. */
  async show(uri: vscode.Uri, message: ToWebview): Promise<void> {
    this.#pending.set(uri.toString(), message);
    await vscode.commands.executeCommand('vscode.openWith', uri, viewType);
    for (const [panel, shown] of this.#panels) {
      if (panel.active && shown.toString() === uri.toString() && this.#listening.has(panel)) {
        this.#sendPending(uri, (sent) => void panel.webview.postMessage(sent));
      }
    }
  }

  /** Checks the whole image, as its thread knows it, with progress. Throws `CallFailed`. */
  checkResult(uri: vscode.Uri, options: CallOptions): Promise<Result<'check'>> {
    return callThread(this.#threads, nameOf(uri), 'check', { quick: false }, options);
  }

  /** What an image on a disk of this machine is as a whole, at this moment. Throws `CallFailed`. */
  describe(uri: vscode.Uri): Promise<Result<'describe'>> {
    return describeNow(this.#threads, uri.fsPath);
  }

  /** What `qcow2 dump --output=json` prints of an image, without its tables. */
  dumpJson(uri: vscode.Uri): Promise<string> {
    return callOnce((post) => this.#attach(uri, post), 'dumpJson', { path: nameOf(uri) });
  }

  /** Takes the user's settings, and gives them to all that is open. */
  configure(): void {
    const settings = readSettings(vscode.workspace.getConfiguration(section));
    this.#threads.configure(settings);
    this.#problems.configure(nameOf);
    for (const { webview } of this.#panels.keys()) {
      void webview.postMessage({ type: 'settings', settings } satisfies ToWebview);
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
    const path = nameOf(uri);
    const { webview } = panel;
    const post = (message: ToWebview): void => {
      // False when the tab is hidden: its page is gone, and asks again when it is shown.
      void webview.postMessage(message);
    };
    const thread = this.#attach(uri, post);
    this.#panels.set(panel, uri);
    let greeted = false;
    const listening = webview.onDidReceiveMessage((received: unknown) => {
      const message = fromWebview(received);
      switch (message?.type) {
        case 'request':
          if (!greeted) {
            // Now there is a page that listens, and its first reply is still to come.
            greeted = true;
            post({ type: 'settings', settings: readSettings(vscode.workspace.getConfiguration(section)) });
            this.#sendState(uri, post);
            this.#listening.add(panel);
            this.#sendPending(uri, post);
          }
          thread.request(message.body);
          if (!panel.visible) {
            // The last words of a page that is being hidden: nobody waits for the answer.
            setTimeout(() => panel.visible || thread.leave(), lastWords);
          }
          break;
        case 'reload':
          this.reload(uri);
          break;
        case 'pause':
          thread.pause(message.paused);
          break;
        case 'roll-back':
          this.#changes.rollBack(uri);
          break;
        case 'repair':
          // Written by our own page; what it selects may be gone, and then nothing is to be repaired.
          this.#changes.repair(uri, message.body === undefined ? undefined : (decode(message.body) as RepairSelection));
          break;
        case 'checked':
          void this.#problems.checked(uri, path, message.whole);
          break;
        case 'save-bytes':
          void saveBytes(this.#threads, uri, path, message.body);
          break;
        case 'open-file':
          void openChainFile(this.#threads, path, message.file, viewType);
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
    // The page of a hidden tab is gone, and so is what it needs its file for; the next one greets anew.
    const hiding = panel.onDidChangeViewState(() => {
      if (!panel.visible) {
        greeted = false;
        this.#listening.delete(panel);
        thread.leave();
      }
    });
    panel.onDidDispose(() => {
      hiding.dispose();
      listening.dispose();
      this.#panels.delete(panel);
      this.#listening.delete(panel);
      thread.leave();
    });
  }

  #attach(uri: vscode.Uri, post: (message: ToWebview) => void): Attachment {
    const virtual = uri.scheme === 'file' ? undefined : virtualFile(uri, virtualLimit);
    return new Attachment(this.#threads, nameOf(uri), post, virtual);
  }

  #sendState(uri: vscode.Uri, post: (message: ToWebview) => void): void {
    const state = this.#states.get(uri.toString());
    if (state !== undefined) {
      post({ type: 'state', state });
    }
  }

  #sendPending(uri: vscode.Uri, post: (message: ToWebview) => void): void {
    const message = this.#pending.get(uri.toString());
    this.#pending.delete(uri.toString());
    if (message !== undefined) {
      post(message);
    }
  }

  /** Puts the page into the panel, anew if it has one. */
  #load(uri: vscode.Uri, { webview }: vscode.WebviewPanel): void {
    const source = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(this.#dist, name)).toString();
    webview.options = { enableScripts: true, localResourceRoots: [this.#dist] };
    webview.html = inspectorPage({
      title: basename(uri.fsPath),
      path: nameOf(uri),
      script: source('webview.js'),
      styles: [source('webview.css'), source('codicon.css')],
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString('base64url'),
    });
  }
}

/** What an image's thread is known by: its path, or the URI of a file that is on no disk. */
function nameOf(uri: vscode.Uri): string {
  return uri.scheme === 'file' ? uri.fsPath : uri.toString();
}

function virtualLimit(): number {
  return virtualFileLimit(vscode.workspace.getConfiguration(section));
}
