import * as vscode from 'vscode';

/** Texts that are made when they are shown, in read-only documents of the editor. */
export class TextDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #scheme: string;
  readonly #text: (query: string) => Promise<string>;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registered: vscode.Disposable;
  readonly onDidChange = this.#changed.event;

  /**
   * @param scheme - of the documents' URIs
   * @param text - the text of a document, by the query of its URI
   */
  constructor(scheme: string, text: (query: string) => Promise<string>) {
    this.#scheme = scheme;
    this.#text = text;
    this.#registered = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  }

  provideTextDocumentContent({ query }: vscode.Uri): Promise<string> {
    return this.#text(query);
  }

  /** Shows a text as it is now, also in a document that was opened before. `path` is what its tab is called. */
  async show(path: string, query: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: this.#scheme, path, query });
    const open = vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri.toString());
    if (open) {
      this.#changed.fire(uri);
    }
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  }

  dispose(): void {
    this.#registered.dispose();
    this.#changed.dispose();
  }
}
