import { outputTo } from './output.ts';
import { programName } from './program.ts';

/** Bytes of messages that go out together. */
const gathered = 65536;

/** The messages of a check, for stderr: there may be millions of them. */
export class Messages {
  #text = '';

  readonly say = (message: string, named = false): void => {
    this.#text += `${named ? `${programName}: ` : ''}${message}\n`;
    if (this.#text.length >= gathered) {
      this.flush();
    }
  };

  flush(): void {
    outputTo(2).text(this.#text);
    this.#text = '';
  }
}
