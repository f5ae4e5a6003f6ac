import * as vscode from 'vscode';
import { CallFailed } from '../protocol/client.ts';
import { type FindingWords, findingWords } from '../worker/findingWords.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { listFindings } from './listedFindings.ts';
import { callThread } from './threadCall.ts';

const severities: Readonly<Record<FindingWords['severity'], vscode.DiagnosticSeverity>> = {
  corruption: vscode.DiagnosticSeverity.Error,
  leak: vscode.DiagnosticSeverity.Warning,
  warning: vscode.DiagnosticSeverity.Warning,
  note: vscode.DiagnosticSeverity.Information,
};

/** The findings of the images that are open, in the panel Problems. */
export class Problems implements vscode.Disposable {
  readonly #threads: ImageThreads;
  readonly #wanted: () => boolean;
  readonly #log: vscode.LogOutputChannel;
  readonly #collection = vscode.languages.createDiagnosticCollection('qcow2');
  /** The images that are open, with their last listing: an older one that ends later is not shown. */
  readonly #open = new Map<string, { number: number; whole: boolean | undefined }>();

  /** `wanted`: whether the user wants them. */
  constructor(threads: ImageThreads, wanted: () => boolean, log: vscode.LogOutputChannel) {
    this.#threads = threads;
    this.#wanted = wanted;
    this.#log = log;
  }

  /** An image is shown. */
  opened(uri: vscode.Uri): void {
    this.#open.set(uri.toString(), { number: 0, whole: undefined });
  }

  /** An image is shown no longer. */
  closed(uri: vscode.Uri): void {
    this.#open.delete(uri.toString());
    this.#collection.delete(uri);
  }

  /**
   * Lists what the check of an image has found.
   *
   * @param path - what the image's thread is known by
   * @param whole - whether the whole image was checked
   */
  async checked(uri: vscode.Uri, path: string, whole: boolean): Promise<void> {
    const open = this.#open.get(uri.toString());
    if (open === undefined) {
      return;
    }
    open.number++;
    open.whole = whole;
    const { number } = open;
    if (!this.#wanted()) {
      return;
    }
    try {
      const diagnostics = await this.#diagnostics(uri, path, whole);
      if (this.#open.get(uri.toString()) === open && open.number === number) {
        this.#collection.set(uri, diagnostics);
      }
    } catch (error) {
      // An image that is read again meanwhile is checked again, and listed then.
      if (!(error instanceof CallFailed)) {
        throw error;
      }
      this.#log.info(`${path}: its problems are not listed: ${error.message}`);
    }
  }

  /** The setting may be another one; `pathOf` gives what the thread of an image is known by. */
  configure(pathOf: (uri: vscode.Uri) => string): void {
    if (!this.#wanted()) {
      this.#collection.clear();
      return;
    }
    for (const [key, { whole }] of this.#open) {
      const uri = vscode.Uri.parse(key, true);
      if (whole !== undefined && !this.#collection.has(uri)) {
        void this.checked(uri, pathOf(uri), whole);
      }
    }
  }

  dispose(): void {
    this.#collection.dispose();
  }

  async #diagnostics(uri: vscode.Uri, path: string, whole: boolean): Promise<vscode.Diagnostic[]> {
    const { groups } = await callThread(this.#threads, path, 'check', { quick: !whole });
    const { listed, rest } = await listFindings(groups, async (code, from, count) => {
      const { findings, texts } = await callThread(this.#threads, path, 'checkFindings', { code, from, count });
      return findings.flatMap((one, index) => {
        const words = findingWords(one, texts);
        return words === undefined ? [] : [diagnostic(uri, code, from + index, words)];
      });
    });
    return rest > 0 ? [...listed, unlisted(rest)] : [...listed];
  }
}

/** A finding, which the link at its code shows in the pane Check. */
function diagnostic(uri: vscode.Uri, code: string, index: number, words: FindingWords): vscode.Diagnostic {
  const { severity, title, detail } = words;
  const shown = new vscode.Diagnostic(new vscode.Range(0, 0, 0, 0), `${title} (${detail})`, severities[severity]);
  const argument = encodeURIComponent(JSON.stringify([uri.toString(), code, index]));
  shown.source = 'qcow2';
  shown.code = { value: code, target: vscode.Uri.parse(`command:qcow2.inspector.showFinding?${argument}`) };
  return shown;
}

function unlisted(count: number): vscode.Diagnostic {
  const words = `and ${count} more: see the pane Check of the image`;
  const shown = new vscode.Diagnostic(new vscode.Range(0, 0, 0, 0), words, vscode.DiagnosticSeverity.Information);
  shown.source = 'qcow2';
  return shown;
}
