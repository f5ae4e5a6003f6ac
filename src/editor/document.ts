import type { CustomDocument, Uri } from 'vscode';

/** An image that is open in one or more editors. Holds nothing: its thread does. */
export class ImageDocument implements CustomDocument {
  readonly uri: Uri;
  readonly #closed: () => void;

  /** `closed`: is called when the last editor on the image has gone. */
  constructor(uri: Uri, closed: () => void) {
    this.uri = uri;
    this.#closed = closed;
  }

  /** Each view releases its thread by itself. */
  dispose(): void {
    this.#closed();
  }
}
