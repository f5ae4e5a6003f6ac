import { closeSync, fdatasyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { writeFailed } from './systemError.ts';

/** Letters that are written at once. */
const textBytes = 2 ** 16;

/** A text that is written bit by bit beside its name. Throws `write-failed`. */
export class TextFile {
  readonly #path: string;
  readonly #fd: number;
  #pending = '';
  #open = true;

  /** Creates or empties the file at `path`. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = attempt(`create ${path}`, () => openSync(path, 'w', 0o644));
  }

  /** Adds text at the end. */
  add(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= textBytes) {
      this.#write();
    }
  }

  /** Writes the rest, and gives the file its name. */
  end(name: string): void {
    this.#write();
    attempt(`write ${this.#path}`, () => fdatasyncSync(this.#fd));
    this.#close();
    attempt(`rename ${this.#path}`, () => renameSync(this.#path, name));
  }

  /** Takes the file away. */
  remove(): void {
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #write(): void {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    for (let done = 0; done < bytes.length; ) {
      done += attempt(`write ${this.#path}`, () => writeSync(this.#fd, bytes, done, bytes.length - done));
    }
  }

  #close(): void {
    if (this.#open) {
      this.#open = false;
      closeSync(this.#fd);
    }
  }
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw writeFailed(what, error);
  }
}
