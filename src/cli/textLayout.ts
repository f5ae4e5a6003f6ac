import { showHex } from '../engine/format/show.ts';
import type { TextStream } from './textStream.ts';

/** Characters that a line should have at most. */
const lineWidth = 100;

/** Bytes of a line of hex digits. */
const hexLineBytes = 16;

/** Rows of cells in aligned columns; the last one is wrapped. `numbers`: columns that are aligned to the right. */
export function writeColumns(
  to: TextStream,
  indent: number,
  rows: readonly (readonly string[])[],
  numbers: readonly number[] = [],
): void {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  for (const row of rows) {
    const start = row.slice(0, -1).map((cell, column) => {
      const width = widths[column] ?? 0;
      return `${numbers.includes(column) ? cell.padStart(width) : cell.padEnd(width)}  `;
    });
    writeWrapped(to, `${' '.repeat(indent)}${start.join('')}`, row.at(-1) ?? '');
  }
}

/** Text after a start, wrapped between words; further lines begin below the text. */
export function writeWrapped(to: TextStream, start: string, text: string): void {
  const width = Math.max(lineWidth - start.length, 24);
  let line = '';
  let before = start;
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      to.line(before + line);
      before = ' '.repeat(start.length);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  to.line(before + line);
}

/** All bytes in hex with their printable letters; `offset`: host offset in bytes of the first one. */
export function writeHex(to: TextStream, indent: number, offset: bigint, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += hexLineBytes) {
    const part = bytes.subarray(at, at + hexLineBytes);
    const letters = Array.from(part, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
    const hex = showHex(part).padEnd(hexLineBytes * 3 - 1);
    to.line(`${' '.repeat(indent)}${hexOffset(offset + BigInt(at)).padEnd(10)}  ${hex}  ${letters.join('')}`);
  }
}

/** An offset as tools take it: `0x30000`. */
export function hexOffset(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
