/** Characters that need no quotes in a shell. */
const plain = /^[\w@%+=:,./-]+$/;

/** Controls, bidi marks, zero width and line separators: a terminal would act on them, or show the rest wrongly. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/**
 * A path as one word of a POSIX shell, whatever it holds: as it is, in single quotes, or with unseen characters as
 * escapes in `$'…'` (bash, zsh, ksh, and POSIX since 2024). One that starts with a dash is made to start with `./`.
 */
export function shellWord(path: string): string {
  const word = path.startsWith('-') ? `./${path}` : path;
  if (plain.test(word)) {
    return word;
  }
  return unseen.test(word) ? `$'${escaped(word)}'` : `'${word.replaceAll("'", "'\\''")}'`;
}

function escaped(word: string): string {
  return Array.from(word, (character) => {
    if (character === '\\' || character === "'") {
      return `\\${character}`;
    }
    // Three octal digits end by themselves, whatever follows.
    return unseen.test(character)
      ? Array.from(new TextEncoder().encode(character), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
      : character;
  }).join('');
}
