/** Controls, bidi marks, zero-width characters and line separators: not seen, or they turn the text around them. */
export const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from an image as a person can see it: every unseen character is written out, `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** A string of JSON: UTF-8 as it is, but unseen characters as `\uXXXX`. */
export function jsonString(text: string): string {
  return JSON.stringify(text).replace(unseen, (character) =>
    Array.from({ length: character.length }, (_, unit) => jsonEscape(character.charCodeAt(unit))).join(''),
  );
}

function jsonEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** A whole number in decimal, all digits of it: a double above 2^53 as well. */
export function exact(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : String(BigInt(value));
}

/** Bytes as hex digits: `514649fb`. */
export function hexDigits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
