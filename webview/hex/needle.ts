/** How what is looked for is written. */
export const needleForms = ['hex', 'utf-8', 'utf-16le'] as const;

/** One of `needleForms`. */
export type NeedleForm = (typeof needleForms)[number];

/** Most bytes that the worker looks for. */
const mostBytes = 256;

/** Bytes to be looked for, or why the text is none. */
export type Needle = { readonly bytes: Uint8Array } | { readonly problem: string };

/** Reads what was typed. Hex: pairs of digits, with or without spaces between them and `0x` before. */
export function parseNeedle(text: string, form: NeedleForm): Needle {
  const bytes = form === 'hex' ? hexBytes(text) : form === 'utf-8' ? new TextEncoder().encode(text) : utf16(text);
  if (bytes === undefined) {
    return { problem: 'Write bytes as pairs of hex digits: 51 46 49 fb.' };
  }
  if (bytes.length === 0) {
    return { problem: 'Nothing to look for.' };
  }
  return bytes.length > mostBytes ? { problem: `At most ${mostBytes} bytes can be looked for.` } : { bytes };
}

function hexBytes(text: string): Uint8Array | undefined {
  const digits = text.replace(/^\s*0x/i, '').replaceAll(/[\s,_:]/g, '');
  return digits.length % 2 === 0 && /^[\da-f]*$/i.test(digits)
    ? Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    : undefined;
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < text.length; index++) {
    view.setUint16(index * 2, text.charCodeAt(index), true);
  }
  return bytes;
}
