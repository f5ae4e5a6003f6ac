/** Controls, bidi marks, zero width and line separators: not seen, or they turn the text around them. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from an image with every unseen character written out: `\\u{202e}`. */
export function visible(text: string): string {
  return text.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** A message of QEMU, which may have several lines, as one. */
export function message(text: string): string {
  return text.split('\n').map(visible).join(' ');
}
