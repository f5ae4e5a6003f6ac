import { visible } from '../engine/dump/jsonText.ts';
import type { Output } from './output.ts';

export { visible };

/** Characters that are gathered before they go out. */
const gathered = 16384;

/** Bytes of UTF-8 that a UTF-16 unit takes at most. */
const unitBytes = 3;

/** Text for an output, as UTF-8, gathered to large writes. */
export class TextStream {
  readonly #out: Output;
  readonly #bytes = Buffer.alloc(2 * gathered * unitBytes);
  #text = '';

  constructor(out: Output) {
    this.#out = out;
  }

  /** Adds text. */
  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= gathered) {
      this.flush();
    }
  }

  /** Adds a line; spaces at its end are left out. */
  line(text = ''): void {
    this.write(`${text.trimEnd()}\n`);
  }

  /** Sends what is gathered. */
  flush(): void {
    const text = this.#text;
    this.#text = '';
    const fits = text.length * unitBytes <= this.#bytes.length;
    const bytes = fits ? this.#bytes : Buffer.from(text);
    this.#out.write(bytes, fits ? bytes.write(text) : bytes.length);
  }
}

/** A message, which may have several lines, as one. */
export function message(text: string): string {
  return text.split('\n').map(visible).join(' ');
}
