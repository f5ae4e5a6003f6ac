import type { CustomDocument, Uri } from 'vscode';

/** An image that is open in one or more editors. Holds nothing: its thread does. */
export class ImageDocument implements CustomDocument {
  readonly uri: Uri;

  constructor(uri: Uri) {
    this.uri = uri;
  }

  /** Nothing to give back: each view releases its thread. */
  dispose(): void {}
}
