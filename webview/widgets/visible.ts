/** Controls, bidi marks, zero width and line separators: not seen, or they turn the text around them. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from an image with every unseen character written out: `\\u{202e}`. */
export function visible(text: string): string {
  return text.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** What a message of QEMU says is wrong: its first line. Further ones advise a repair, not always a good one. */
export function message(text: string): string {
  return visible(text.split('\n', 1)[0] ?? '');
}
