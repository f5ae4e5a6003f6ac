import { byteWords } from './byteKinds.ts';
import type { BytePages, PaintedByte } from './bytePages.ts';

/** The text of a byte in the hex column: two hex digits only where they were read. */
export function hexText(byte: PaintedByte): string {
  switch (byte.state) {
    case 'stored':
      return byte.value.toString(16).padStart(2, '0');
    case 'zeros':
      return '·0';
    case 'unknown':
      return '??';
    case 'failed':
      return '!!';
    case 'loading':
      return '\u2007\u2007';
    case 'past-end':
      return '';
  }
}

/** The text of a byte in the column of characters: ASCII, a dot for other values. */
export function charText(byte: PaintedByte): string {
  switch (byte.state) {
    case 'stored':
      return byte.value >= 0x20 && byte.value < 0x7f ? String.fromCharCode(byte.value) : '.';
    case 'zeros':
    case 'unknown':
    case 'failed':
    case 'loading':
      return '\u00a0';
    case 'past-end':
      return '';
  }
}

/** A byte in words, for the status line: `0x51 81 “Q”`. */
export function byteInWords(pages: BytePages, at: bigint): string {
  const byte = pages.at(at);
  switch (byte.state) {
    case 'stored': {
      const { value } = byte;
      const printed = value >= 0x20 && value < 0x7f ? ` “${String.fromCharCode(value)}”` : '';
      return `0x${value.toString(16).padStart(2, '0')} ${value}${printed}`;
    }
    case 'zeros':
    case 'unknown':
      return byteWords[byte.run.kind].label;
    case 'failed':
      return 'could not be read';
    case 'loading':
      return 'not loaded yet';
    case 'past-end':
      return 'past the end';
  }
}
