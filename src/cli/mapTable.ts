import { statusFlags } from '../engine/image/blockStatus.ts';
import { bytesOfText } from './bytes.ts';
import type { EntryWriter, MapEntry } from './mapEntry.ts';
import type { Output } from './output.ts';
import { Failure } from './program.ts';

const bufferBytes = 2 ** 20;

/** Writes entries as `qemu-img map` does for a person: the data only. */
export class MapTable implements EntryWriter {
  readonly #out: Output;
  readonly #files: readonly string[];
  #text = '';

  /** `paths`: of the file that holds the data, by depth. */
  constructor(out: Output, paths: readonly string[]) {
    this.#out = out;
    this.#files = paths.map(bytesOfText);
  }

  begin(): void {
    this.#text = `${'Offset'.padEnd(16)}${'Length'.padEnd(16)}${'Mapped to'.padEnd(16)}File\n`;
  }

  entry(entry: MapEntry): void {
    const { flags, cutStart } = entry;
    if ((flags & statusFlags.data) === 0) {
      return;
    }
    if ((flags & statusFlags.offset) === 0) {
      this.flush();
      throw new Failure('File contains external, encrypted or compressed clusters.');
    }
    if ((flags & statusFlags.zero) !== 0) {
      return;
    }
    const start = column(entry.start, cutStart);
    const length = column(entry.length, -cutStart - entry.cutEnd);
    this.#text += `${start}${length}${column(entry.host, cutStart)}${this.#files[entry.depth] ?? ''}\n`;
    if (this.#text.length > bufferBytes) {
      this.flush();
    }
  }

  end(): void {
    this.flush();
  }

  flush(): void {
    this.#out.text(this.#text);
    this.#text = '';
  }
}

/** C's `%#-16x` of a sum that may be above 2^53. */
function column(value: number, more: number): string {
  const sum = value + more;
  const digits = (sum <= Number.MAX_SAFE_INTEGER ? sum : BigInt(value) + BigInt(more)).toString(16);
  return (digits === '0' ? digits : `0x${digits}`).padEnd(16);
}
