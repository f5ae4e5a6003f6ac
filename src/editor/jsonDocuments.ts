import * as vscode from 'vscode';

/** The scheme of the documents that show an image as JSON. */
const scheme = 'qcow2-json';

/** Images as JSON, in read-only documents of the editor. */
export class JsonDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #dump: (image: vscode.Uri) => Promise<string>;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registered: vscode.Disposable;
  readonly onDidChange = this.#changed.event;

  /** `dump`: what is shown of an image. */
  constructor(dump: (image: vscode.Uri) => Promise<string>) {
    this.#dump = dump;
    this.#registered = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  }

  /** The image's URI is the query, so that the path can end in `.json`. */
  provideTextDocumentContent({ query }: vscode.Uri): Promise<string> {
    return this.#dump(vscode.Uri.parse(query, true));
  }

  /** Shows an image as it is now, also in a document that was opened before. */
  async show(image: vscode.Uri): Promise<void> {
    const uri = image.with({ scheme, path: `${image.path}.json`, query: image.toString(), fragment: '' });
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
