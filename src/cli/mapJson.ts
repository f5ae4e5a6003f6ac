import { statusFlags } from '../engine/image/blockStatus.ts';
import { writeDecimal } from './digits.ts';
import type { EntryWriter, MapEntry } from './mapEntry.ts';
import type { Output } from './output.ts';

const bufferBytes = 2 ** 20;
/** No line is longer. */
const longestLine = 256;

const startText = bytes('{ "start": ');
const lengthText = bytes(', "length": ');
const depthText = bytes(', "depth": ');
const nextText = bytes('},\n');
const lastText = bytes('}]\n');
/** What follows the depth, by `statusFlags`. */
const flagTexts: readonly Uint8Array[] = Array.from({ length: 16 }, (_, flags) => {
  const is = (flag: number): string => String((flags & flag) !== 0);
  const known = `, "present": ${is(statusFlags.present)}, "zero": ${is(statusFlags.zero)}, "data": ${is(statusFlags.data)}`;
  return bytes((flags & statusFlags.offset) !== 0 ? `${known}, "offset": ` : known);
});

/** Writes entries as `qemu-img map --output=json` does. Makes no object and no string an entry: there are millions. */
export class MapJson implements EntryWriter {
  readonly #out: Output;
  readonly #buffer = new Uint8Array(bufferBytes);
  #at = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  begin(): void {
    this.#put(bytes('['));
  }

  entry(entry: MapEntry, last: boolean): void {
    const { flags, cutStart } = entry;
    if (this.#at > bufferBytes - longestLine) {
      this.flush();
    }
    this.#put(startText);
    this.#number(entry.start, cutStart);
    this.#put(lengthText);
    this.#number(entry.length, -cutStart - entry.cutEnd);
    this.#put(depthText);
    this.#number(entry.depth, 0);
    this.#put(flagTexts[flags] ?? startText);
    if ((flags & statusFlags.offset) !== 0) {
      this.#number(entry.host, cutStart);
    }
    this.#put(last ? lastText : nextText);
  }

  end(): void {
    this.flush();
  }

  flush(): void {
    this.#out.write(this.#buffer, this.#at);
    this.#at = 0;
  }

  #put(text: Uint8Array): void {
    const buffer = this.#buffer;
    const at = this.#at;
    // Faster than `set` for so few bytes.
    for (let index = 0; index < text.length; index++) {
      buffer[at + index] = text[index] ?? 0;
    }
    this.#at = at + text.length;
  }

  #number(value: number, more: number): void {
    this.#at = writeDecimal(this.#buffer, this.#at, value, more);
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
